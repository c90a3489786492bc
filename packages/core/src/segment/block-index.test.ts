import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../object/bytes.js';
import { Block, BlockCursor } from './block.js';
import { BlockBuilder, KIND_VALUE } from './block-builder.js';
import { BlockIndex } from './block-index.js';
import { hashOf } from './filter.js';
import { key } from './segment-fixture.js';

/** Few letters, so that keys share much. */
const keys = fc.uniqueArray(
  fc.array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
  { minLength: 1, maxLength: 60, selector: String },
);

function build(sorted: readonly Uint8Array[]): Block {
  const builder = new BlockBuilder(4096);
  for (const [i, k] of sorted.entries()) {
    const before = sorted[i - 1] ?? new Uint8Array(0);
    let shared = 0;
    while (shared < before.length && before[shared] === k[shared]) shared++;
    builder.addValue({ key: k, version: i + 1, order: 0 }, shared, KIND_VALUE, k.slice(0, i % 5));
  }
  return new Block(builder.finish(), 'the block');
}

describe('the index of a block', () => {
  test('finds each key where a search does, and no other', () => {
    fc.assert(
      fc.property(keys, keys, (held, others) => {
        const sorted = held.toSorted(compareBytes);
        const block = build(sorted);
        const index = BlockIndex.of(block)!;
        const [found, search] = [new BlockCursor(block), new BlockCursor(block)];
        for (const k of [...sorted, ...others, ...sorted.map((each) => each.subarray(0, each.length >> 1))]) {
          const offset = index.find(k, hashOf(k));
          const isThere = search.seek(k) && search.compareKey(k) === 0;
          expect(offset >= 0).toBe(isThere);
          if (!isThere) continue;
          found.readAt(block, offset);
          expect([found.version, found.kind, found.inlineValue]).toEqual([
            search.version,
            search.kind,
            search.inlineValue,
          ]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('of one key, and of the empty one', () => {
    for (const only of [key('a'), new Uint8Array(0)]) {
      const index = BlockIndex.of(build([only]))!;
      expect(index.find(only, hashOf(only))).toBe(0);
      expect(index.find(key('b'), hashOf(key('b')))).toBe(-1);
    }
  });

  test('is compared with the key, not with its hash', () => {
    const block = build([key('a'), key('b')]);
    expect(BlockIndex.of(block)!.find(key('c'), hashOf(key('b')))).toBe(-1);
  });

  test('is not made of a block that a walk refuses', () => {
    const block = build([key('a'), key('b'), key('c')]);
    // The second key becomes an 'A', which is not above the first.
    block.bytes[block.bytes.indexOf('b'.charCodeAt(0))] = 'A'.charCodeAt(0);
    expect(() => BlockIndex.of(block)).toThrow('expected keys in ascending order');
  });
});
