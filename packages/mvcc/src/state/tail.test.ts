import { expect, test } from 'vitest';
import { TailBuilder } from './tail.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a tail weighs what is in it, however many records it was handed through', () => {
  const first = new TailBuilder(undefined, 0, 0);
  const range = { begin: bytes('a'), end: bytes('b') };
  first.addTransaction({ rangeDeletes: [range], writes: [{ key: bytes('c'), value: bytes('d') }] }, 1, 0);
  const tail = first.finish();
  let later = tail;
  for (let version = 2; version < 10; version++) later = new TailBuilder(later, 0, 0, 0).finish();
  expect(later).toMatchObject({ bytes: tail.bytes, freshBytes: tail.freshBytes });
  // All of it flushed: nothing is left to weigh.
  expect(new TailBuilder(later, 1, 1, 0).finish()).toMatchObject({ bytes: 0, freshBytes: 0 });
});

test('a tail that goes on copies no range tombstones, however many there are', () => {
  const first = new TailBuilder(undefined, 0, 0);
  first.addTransaction({ rangeDeletes: [{ begin: bytes('a'), end: bytes('b') }], writes: [] }, 1, 0);
  first.addTransaction({ rangeDeletes: [{ begin: bytes('b'), end: bytes('c') }], writes: [] }, 2, 0);
  const tail = first.finish();
  const next = new TailBuilder(tail, 0, 0, 0).finish();
  expect(next.ranges).toBe(tail.ranges);
  expect(next.freshRanges).toBe(tail.freshRanges);
  // What a record holds is not carried inline with the next; what was flushed is in no tail.
  const carried = new TailBuilder(tail, 0, 1, 0).finish();
  expect([carried.ranges.size, carried.freshRanges.size]).toEqual([2, 1]);
  const flushed = new TailBuilder(carried, 1, 1, 0).finish();
  expect([flushed.ranges.size, flushed.freshRanges.size]).toEqual([1, 1]);
});
