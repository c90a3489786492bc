import { Manifest } from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { expect, test } from 'vitest';
import { FlushEdit } from './flush-edit.js';

const state = {
  flushedThrough: 3,
  floor: 1,
  addedRuns: [],
  manifest: Manifest.empty(defaultProvider().sha256),
  replaced: [],
};
const [entries, ranges] = [[], []];
const flush = new FlushEdit(3, 7, [entries, ranges]);

test('a flush adds its runs, and the tail begins after it', () => {
  expect(flush.applyTo({ ...state, addedRuns: [[]] })).toEqual({
    ...state,
    flushedThrough: 7,
    addedRuns: [[], entries, ranges],
  });
});

test('a flush is stale once another one was published since it was prepared', () => {
  expect(flush.applyTo({ ...state, flushedThrough: 5 })).toBe('stale');
  expect(flush.applyTo({ ...state, flushedThrough: 7 })).toBe('stale');
});

test('a flush is stale once the floor has passed its segments: they may be collected at any time', () => {
  expect(flush.applyTo({ ...state, floor: 8 })).toBe('stale');
  expect(flush.applyTo({ ...state, floor: 7 })).not.toBe('stale');
});
