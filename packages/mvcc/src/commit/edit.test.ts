/** What edits of one record see of each other, and what who waits for one is told. */
import { recordName } from '@holdfast/core';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../database.js';
import type { Tip } from '../log/tip.js';
import { openParts } from '../open.js';
import { fromStoredKey } from '../state/space.js';
import { Committer } from './committer.js';
import type { Edit } from './edit.js';
import { FlushEdit } from './flush-edit.js';
import { RecordBuilder } from './record-builder.js';
import { uploadRun } from './segment-upload.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;

let memory: MemoryStore;
beforeEach(async () => {
  memory = new MemoryStore();
  const db = await openDatabase(memory, OPTIONS);
  await db.set('n', 1);
  await db.set('n', 2);
});

async function openCommitter(store: ObjectStore = memory) {
  const { context, log, tip } = await openParts(store, OPTIONS);
  const builder = new RecordBuilder(context, context.random(16), undefined);
  const committer = new Committer(context, log, tip, builder, 60_000);
  const prepareFlush = async (): Promise<FlushEdit> => {
    const { view } = tip;
    const entries = Array.from(view.tail.all.entries(), ([stored, { value, version, order }]) => ({
      key: fromStoredKey(stored),
      value,
      version,
      order,
    }));
    return new FlushEdit(view.flushedThrough, view.version, [
      await uploadRun(context, view.version, entries),
    ]);
  };
  return { committer, tip, prepareFlush };
}

const raiseFloor = (floor: number): Edit => ({
  applyTo: (state) => (state.floor >= floor ? 'stale' : { ...state, floor }),
});

const said = ({ view }: Tip) => ({
  version: view.version,
  flushedThrough: view.flushedThrough,
  floor: view.floor,
  runs: new Set(view.manifest.entries.map(({ run }) => run)).size,
});

describe('edits that wait at once', () => {
  test('go into one record, each laid on what the one before it leaves', async () => {
    const { committer, tip, prepareFlush } = await openCommitter();
    const flush = await prepareFlush();
    const told = [
      committer.publish(flush),
      committer.publish(raiseFloor(2)),
      committer.publish(raiseFloor(3)),
    ];
    expect(await Promise.all(told)).toEqual([true, true, true]);
    expect(said(tip)).toEqual({ version: 4, flushedThrough: 3, floor: 3, runs: 1 });
    const db = await openDatabase(memory, OPTIONS);
    expect(await db.get('n')).toBe(2);
  });

  test('are told one by one: of two flushes one is published, and the other was stale', async () => {
    const { committer, tip, prepareFlush } = await openCommitter();
    const [one, other] = [await prepareFlush(), await prepareFlush()];
    expect(await Promise.all([committer.publish(one), committer.publish(other)])).toEqual([true, false]);
    expect(said(tip)).toEqual({ version: 4, flushedThrough: 3, floor: 1, runs: 1 });
  });

  test('all hear why their record could not be written', async () => {
    const faulty = new FaultyStore(memory);
    const { committer, tip } = await openCommitter(faulty);
    faulty.failBefore('put', { when: () => true, error: new StoreError('DENIED', 'full') });
    const told = [committer.publish(raiseFloor(2)), committer.publish(raiseFloor(3))];
    for (const each of await Promise.allSettled(told))
      expect(each).toMatchObject({ reason: { code: 'STORE_REFUSED', maybeCommitted: false } });
    expect(said(tip)).toEqual({ version: 3, flushedThrough: 0, floor: 1, runs: 0 });
  });
});

describe('a stale edit', () => {
  test('alone makes no record', async () => {
    const { committer, tip } = await openCommitter();
    expect(await committer.publish(raiseFloor(1))).toBe(false);
    expect(tip.view.version).toBe(3);
    expect(await memory.get(recordName(4))).toBeUndefined();
  });

  test('holds up nothing else that waits for the record', async () => {
    const { committer, tip } = await openCommitter();
    const told = [committer.publish(raiseFloor(1)), committer.publish(raiseFloor(2))];
    expect(await Promise.all(told)).toEqual([false, true]);
    expect(said(tip)).toEqual({ version: 4, flushedThrough: 0, floor: 2, runs: 0 });
  });

  test('is one that no longer fits when another record was first; what still fits goes into the next', async () => {
    const gated = new GatedStore(memory, {
      when: ({ kind, key }) => kind === 'put' && key === recordName(4),
    });
    const { committer, tip, prepareFlush } = await openCommitter(gated);
    const flush = await prepareFlush();
    const told = [committer.publish(flush), committer.publish(raiseFloor(2))];
    await gated.waitForPending(1);
    const other = await openDatabase(memory, OPTIONS);
    await other.flush();
    await gated.open();
    expect(await Promise.all(told)).toEqual([false, true]);
    expect(said(tip)).toEqual({ version: 5, flushedThrough: 3, floor: 2, runs: 1 });
  });
});

test('an edit that comes while a record is under way goes into the next one', async () => {
  const gated = new GatedStore(memory, { when: ({ kind, key }) => kind === 'put' && key === recordName(4) });
  const { committer, tip } = await openCommitter(gated);
  const first = committer.publish(raiseFloor(2));
  await gated.waitForPending(1);
  const second = committer.publish(raiseFloor(3));
  await gated.open();
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(said(tip)).toMatchObject({ version: 5, floor: 3 });
});
