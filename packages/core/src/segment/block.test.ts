import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../object/bytes.js';
import { Block, BlockCursor } from './block.js';
import { BlockBuilder } from './block-builder.js';
import { key, numberedEntries } from './segment-fixture.js';

/** An entry with an empty value; `shared` and `suffix` as given, fitting or not. */
function entry(shared: number, suffix: string, kind = 1): Uint8Array {
  return new ByteWriter().varint(shared).bytes(key(suffix)).u8(kind).varint(1).varint(0).varint(0).finish();
}

function block(
  entries: readonly Uint8Array[],
  restarts: readonly number[],
  count: number = restarts.length,
): Block {
  const writer = new ByteWriter();
  for (const bytes of entries) writer.raw(bytes);
  for (const offset of restarts) writer.u32(offset);
  return new Block(writer.u32(count).finish(), 'the block');
}

function readAll(made: Block): number {
  const cursor = new BlockCursor(made);
  let entries = 0;
  while (cursor.next()) entries++;
  return entries;
}

const letters = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entry(0, String.fromCharCode(97 + i)));
const size = entry(0, 'a').length;

describe('a block', () => {
  test('written by hand is read, so that the lies below are lies', () => {
    expect(readAll(block(letters(16), [0]))).toBe(16);
    expect(readAll(block(letters(20), [0, 16 * size]))).toBe(20);
    expect(readAll(block([entry(0, 'ab'), entry(1, 'c'), entry(2, '')].slice(0, 2), [0]))).toBe(2);
  });

  test.each<[string, () => Block]>([
    ['no restart', () => block(letters(3), [])],
    ['more restarts than bytes', () => block(letters(3), [0], 1000)],
    ['as many restarts as bytes, and no entry', () => block([], [0])],
    ['a first restart that is not 0', () => block(letters(3), [size])],
    ['restarts that do not ascend', () => block(letters(40), [0, 32 * size, 16 * size])],
    ['a restart past the entries', () => block(letters(16), [0, 16 * size])],
    ['keys out of order', () => block([entry(0, 'b'), entry(0, 'a')], [0])],
    ['a key twice', () => block([entry(0, 'b'), entry(1, '')], [0])],
    ['a key after a longer one that begins with it', () => block([entry(0, 'bc'), entry(1, '')], [0])],
    ['keys out of order across a restart', () => block([...letters(16), entry(0, 'a')], [0, 16 * size])],
    ['more shared bytes than the key before has', () => block([entry(0, 'b'), entry(2, 'c')], [0])],
    ['shared bytes at a restart', () => block([...letters(16), entry(1, 'q')], [0, 16 * size])],
    [
      'a key longer than the block',
      () =>
        block(
          [
            new ByteWriter()
              .varint(0)
              .varint(2 ** 50)
              .finish(),
          ],
          [0],
        ),
    ],
    ['seventeen entries without a restart', () => block(letters(17), [0])],
    ['a restart after fifteen entries', () => block(letters(20), [0, 15 * size])],
    ['an entry that runs into the next group', () => block(letters(17), [0, 15 * size + 3])],
    ['an unknown kind', () => block([entry(0, 'a', 4)], [0])],
    ['an unknown kind that expires', () => block([entry(0, 'a', 20)], [0])],
    ['the bit of expiry on no kind', () => block([entry(0, 'a', 16)], [0])],
    ['a value longer than the block', () => block([entry(0, 'a').fill(9, size - 1)], [0])],
    ['a number not in its shortest form', () => block([Uint8Array.of(0x80, 0, 1, 97, 0, 1, 0)], [0])],
    ['a number of 2^53 or more', () => block([new Uint8Array(9).fill(0xff)], [0])],
    ['an entry cut off', () => block([entry(0, 'a').subarray(0, size - 2)], [0])],
  ])('with %s is CORRUPT', (_, make) => {
    expect(() => readAll(make())).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });

  test('never gives out a value that was cut short, not even as its last entry', () => {
    const cursor = new BlockCursor(block([entry(0, 'a').fill(9, size - 1)], [0]));
    expect(() => cursor.next()).toThrow('expected the entry to end');
  });

  test('finds the entry at or above any key, and the one below it', () => {
    const entries = numberedEntries(100);
    const builder = new BlockBuilder(100);
    for (const e of entries) builder.addValue(e, 0, 1, e.value!);
    const cursor = new BlockCursor(new Block(builder.finish(), 'the block'));
    for (const [i, e] of entries.entries()) {
      expect(cursor.seek(e.key)).toBe(true);
      expect(cursor.key).toEqual(e.key);
      expect(cursor.inlineValue).toEqual(e.value);
      expect(cursor.seekBefore(e.key)).toBe(i > 0);
      if (i > 0) expect(cursor.key).toEqual(entries[i - 1]!.key);
    }
    expect(cursor.seek(key('z'))).toBe(false);
    expect(cursor.seekBefore(key('z'))).toBe(true);
    expect(cursor.key).toEqual(entries[99]!.key);
    for (let i = 98; i >= 0; i--) {
      expect(cursor.previous()).toBe(true);
      expect(cursor.key).toEqual(entries[i]!.key);
    }
    expect(cursor.previous()).toBe(false);
  });
});
