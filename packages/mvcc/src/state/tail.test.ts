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
