/** Several records that are read at once. */
import { RECORD_BYTES_MAX, recordName } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { openDatabase } from '../database.js';
import { openParts } from '../open.js';

const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;
const WIDTH = 8;

test('a record longer than its share is read alone, and is the last of that look', async () => {
  const memory = new MemoryStore();
  const writer = await openDatabase(memory, { ...OPTIONS, maintenance: 'manual' });
  const huge = 1n << 8_000_000n;
  for (let i = 0; i < 6; i++) await writer.set(['huge', i], huge);
  const { log, tip } = await openParts(memory, OPTIONS);
  const from = tip.view.version;
  await writer.set('n', 1);
  // What mutations come to is written into the record itself.
  await writer.transact((tx) => {
    for (let i = 0; i < 6; i++) tx.add(['huge', i], 1n);
  });
  const long = writer.version;
  await writer.set('n', 2);
  const bytes = memory.objects().get(recordName(long))!.length;
  expect(bytes).toBeGreaterThan(RECORD_BYTES_MAX / WIDTH);
  const { records, isEnd } = await log.readNext(from, WIDTH);
  expect(records.map(({ version }) => version)).toEqual([from + 1, long]);
  expect(isEnd).toBe(false);
});
