import { expect, test } from 'vitest';
import { HoldfastError } from '../object/errors.js';
import {
  decodeStream,
  encodeStream,
  STREAM_BYTES_MAX,
  STREAM_PART_BYTES,
  streamPartBytes,
} from './stream.js';

const ids = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(24).fill(i % 256));

test.each([0, 1, STREAM_PART_BYTES, STREAM_PART_BYTES + 1, STREAM_BYTES_MAX])(
  'the descriptor of a stream of %i bytes comes back',
  (length) => {
    const stream = { length, parts: ids(Math.ceil(length / STREAM_PART_BYTES)) };
    expect(decodeStream(encodeStream(stream), 'it')).toEqual(stream);
    const sizes = stream.parts.map((_, i) => streamPartBytes(stream, i));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(length);
  },
);

test.each([
  ['too few parts', encodeStream({ length: STREAM_PART_BYTES + 1, parts: ids(1) })],
  ['too many parts', encodeStream({ length: 1, parts: ids(2) })],
  ['more than a stream can have', encodeStream({ length: STREAM_BYTES_MAX + 1, parts: ids(641) })],
  ['a byte too many', Uint8Array.of(0, 0, 0)],
  ['nothing', new Uint8Array(0)],
])('a descriptor with %s is CORRUPT', (_, bytes) => {
  expect(() => decodeStream(bytes, 'it')).toThrow(HoldfastError);
});
