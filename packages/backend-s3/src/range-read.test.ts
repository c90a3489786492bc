import { cutRange, StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAnswer, rangeHeader } from './range-read.js';

/** A server's side of RFC 9110 section 14: undefined for 416. */
function serve(object: Uint8Array, header: string): { bytes: Uint8Array; contentRange: string } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header)!;
  const size = object.length;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= size) return undefined;
  return { bytes: object.subarray(start, end), contentRange: `bytes ${start}-${end - 1}/${size}` };
}

test('whatever range is asked for is what cutRange says it is', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 30 }),
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (object, offset, length) => {
        const { start, end } = cutRange(object.length, { offset, length });
        const served = serve(object, rangeHeader({ offset, length }));
        if (served === undefined) {
          expect(start).toBe(end);
          return;
        }
        expect(cutAnswer(served.bytes, served.contentRange, { offset, length })).toEqual({
          bytes: object.slice(start, end),
          size: object.length,
        });
      },
    ),
  );
});

test('a server that ignores the range and sends all is cut', () => {
  const whole = new Uint8Array([1, 2, 3]);
  expect(cutAnswer(whole, undefined, { offset: 1, length: 1 })).toEqual({
    bytes: new Uint8Array([2]),
    size: 3,
  });
});

test("MinIO's 206 for a suffix of an empty object is empty", () => {
  const empty = new Uint8Array(0);
  expect(cutAnswer(empty, 'bytes 0--1/0', { offset: -4, length: 4 })).toEqual({ bytes: empty, size: 0 });
});

test('an answer with other bytes than those asked for is none', () => {
  expect(cutAnswer(new Uint8Array(10), 'bytes 0-9/64', { offset: -9, length: 9 })).toBeUndefined();
  expect(cutAnswer(new Uint8Array(2), 'bytes 5-6/9', { offset: 0, length: 2 })).toBeUndefined();
});

test.each(['bytes 0-1/*', 'bytes 0-3/9', 'nonsense'])(
  'Content-Range %s of two bytes is not believed',
  (contentRange) => {
    const range = { offset: 0, length: 2 };
    expect(() => cutAnswer(new Uint8Array(2), contentRange, range)).toThrow(StoreError);
  },
);
