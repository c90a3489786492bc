import { type Intents, intentName, objectName, PAGE_PREFIX, SEGMENT_PREFIX, tileName } from '@holdfast/core';
import { describe, expect, test } from 'vitest';
import { type CollectionRoot, judgeIntent, judgeObject, judgeRecord, judgeTile } from './collection-rules.js';

const id = (base: number, fill: number): Uint8Array => {
  const bytes = new Uint8Array(24).fill(fill);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(base));
  return bytes;
};
const segment = (base: number, fill = 1): string => objectName(SEGMENT_PREFIX, id(base, fill));
const page = (base: number, fill = 1): string => objectName(PAGE_PREFIX, id(base, fill));

const root: CollectionRoot = {
  version: 1000,
  floor: 400,
  tiledThrough: 70_000,
  named: new Set([segment(10), page(20)]),
  held: new Set([990, 7]),
  provenThrough: 995,
};

describe('a record', () => {
  test.each([
    [1000, false],
    [999, false],
    [996, false],
    [995, true],
    [990, false],
    [7, false],
    [1, true],
  ])('%i goes: %s', (version, goes) => {
    expect(judgeRecord(root, version).removed).toBe(goes);
  });
});

describe('a segment or page', () => {
  test.each([
    ['a segment that the root names', segment(10), false],
    ['another one of that age', segment(10, 2), true],
    ["the oldest that goes by the root's floor", segment(399, 2), true],
    ["one at the root's floor", segment(400, 2), false],
    ['a page that the root names', page(20), false],
    ['the last page that a record before the root can have made', page(999, 2), true],
    ['a page of the record after the root', page(1000, 2), false],
  ])('%s', (_, name, goes) => {
    expect(judgeObject(root, name).removed).toBe(goes);
  });

  test.each(['seg/1-2', `${segment(5)}x`, 'seg/', 'log/00000000000001', 'man/zz'])(
    '%s is none of ours',
    (name) => {
      expect(judgeObject(root, name)).toMatchObject({ kind: 'foreign', removed: false });
    },
  );
});

describe('a tile', () => {
  // 70,000 is 273 whole subtrees of 256, and 1 of 65,536.
  test.each([
    ['complete', { level: 0, index: 3, width: 256 }, false],
    ['complete, of level 1', { level: 1, index: 0, width: 256 }, false],
    ['the right edge', { level: 1, index: 1, width: 17 }, false],
    ['what it was before', { level: 1, index: 1, width: 16 }, true],
    ['before it was complete', { level: 1, index: 0, width: 255 }, true],
    ['what it will be', { level: 1, index: 1, width: 18 }, false],
    ['the edge of level 2', { level: 2, index: 0, width: 1 }, false],
  ])('%s', (_, tile, goes) => {
    expect(judgeTile(root, tileName(tile)).removed).toBe(goes);
  });

  test.each(['tile/0/1', 'tile/0/x001/x002', 'tile/0/001.p/256', 'tile/0/001.p/0', 'tile/a/001'])(
    '%s is none of ours',
    (name) => {
      expect(judgeTile(root, name).kind).toBe('foreign');
    },
  );
});

describe('an intent', () => {
  const [known, forgotten] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
  const intents = {
    floor: 5,
    decided: [{ writerId: known, k: 3, hash: new Uint8Array(32), version: 9, verdicts: [] }],
  } as Intents;
  test.each([
    ['decided', known, 3, false, true],
    ['decided long ago', known, 1, false, true],
    ['the next of a known writer', known, 4, false, false],
    ['the same, after a grace period', known, 4, true, true],
    ['the first of an unknown writer', forgotten, 1, false, false],
    ['the same, after a grace period', forgotten, 1, true, true],
    ['a later one of a forgotten writer', forgotten, 2, false, true],
  ])('%s', (_, writerId, k, isOld, goes) => {
    expect(judgeIntent(intents, intentName(writerId, k), isOld).removed).toBe(goes);
  });
});
