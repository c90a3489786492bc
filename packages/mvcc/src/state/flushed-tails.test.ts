/**
 * The last flushed tails, in memory, answer as the segments do that they were moved to: against a readable twin that
 * asks every segment for every key.
 */
import { MemoryStore } from '@holdfast/object-store';
import { GatedStore, RecordingStore } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { ReadSet } from '../commit/read-set.js';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';
import { userBounds, userKey } from '../reading/entry-reader.js';
import type { TailEntry } from './tail.js';
import type { View } from './view.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const KEYS = 12;
const key = (i: number): { stored: string; bytes: Uint8Array } => userKey(['k', i % KEYS]);
const large = new Uint8Array(600 * 1024);

let memory: MemoryStore;
beforeEach(() => {
  memory = new MemoryStore();
});

type Step =
  | { readonly kind: 'set' | 'delete' | 'add' | 'large'; readonly key: number; readonly by: number }
  | { readonly kind: 'deleteRange'; readonly key: number; readonly to: number; readonly by: number }
  | { readonly kind: 'flush' | 'compact'; readonly by: number }
  | { readonly kind: 'follow' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constantFrom('set', 'delete'), key: fc.nat(11), by: fc.nat(1) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), key: fc.nat(11), by: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('large'), key: fc.nat(11), by: fc.nat(1) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('deleteRange'),
        key: fc.nat(11),
        to: fc.nat(12),
        by: fc.nat(1),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush'), by: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact'), by: fc.nat(1) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('follow') }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 5, maxLength: 30 },
);

async function take(step: Exclude<Step, { kind: 'follow' }>, db: Database): Promise<void> {
  if (step.kind === 'flush') await db.flush();
  else if (step.kind === 'compact') await db.compact({ all: true });
  else if (step.kind === 'deleteRange') await db.deleteRange({ gte: ['k', step.key], lt: ['k', step.to] });
  else if (step.kind === 'delete') await db.delete(['k', step.key]);
  else if (step.kind === 'add') await db.transact((tx) => tx.add(['n', step.key], 1));
  else await db.set(['k', step.key], step.kind === 'large' ? large : step.key);
}

/** What is compared of a write: of a large value its beginning. */
const write = (found: TailEntry | undefined): unknown =>
  found && [found.value?.length, found.value?.subarray(0, 8), found.version, found.order];

/** As it is meant: whether the newest write of anything that was read is newer. */
async function overwritten(
  view: View,
  reads: { keys: number[]; all: boolean },
  since: number,
): Promise<boolean> {
  const keys = reads.all ? Array.from({ length: KEYS }, (_, i) => i) : reads.keys;
  for (const i of keys) {
    const { stored, bytes } = key(i);
    if (((await view.get(stored, bytes))?.version ?? 0) > since) return true;
  }
  return false;
}

test('over random histories of two writers, followed by steps and jumps', async () => {
  let fromMemory = 0;
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(fc.nat(11), { maxLength: 3 }),
      fc.nat(40),
      async (history, read, back) => {
        memory = new MemoryStore();
        const writers = [await openDatabase(memory, OPTIONS), await openDatabase(memory, OPTIONS)];
        const { tip } = await openParts(memory, OPTIONS);
        for (const step of [...history, { kind: 'follow' } as const]) {
          if (step.kind !== 'follow') {
            await take(step, writers[step.by]!);
            continue;
          }
          const view = await tip.follow();
          for (let i = 0; i < KEYS; i++)
            for (const { stored, bytes } of [key(i), userKey(['n', i])])
              expect(write(await view.latest(stored, bytes))).toEqual(write(await view.get(stored, bytes)));
          const since = Math.max(0, view.version - back);
          for (const all of [false, true]) {
            const reads = new ReadSet();
            if (all) reads.addRange(userBounds({ prefix: ['k'] }));
            else for (const i of read) reads.addPoint(key(i).stored);
            expect(await reads.isOverwrittenIn(view, since)).toBe(
              await overwritten(view, { keys: read, all }, since),
            );
          }
          if ((view.flushed.from ?? view.flushedThrough) < view.flushedThrough) fromMemory++;
        }
      },
    ),
    { numRuns: 10 },
  );
  expect(fromMemory).toBeGreaterThan(2);
});

describe('a validation', () => {
  test('across a flush reads no segment, whatever the transactions read', async () => {
    const store = new RecordingStore(memory);
    const db = await openDatabase(store, { ...OPTIONS, cacheBytes: 0 });
    for (let i = 0; i < 200; i++) await db.set(['k', i], i);
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const all = Array.from({ length: 40 }, (_, t) =>
      db.transact(async (tx) => {
        await tx.get(['k', t]);
        await tx.count({ prefix: ['none', t] });
        await gate;
        tx.add('sum', 1);
        tx.add(['k', t], 1);
      }),
    );
    await db.flush();
    store.reset();
    open();
    await Promise.all(all);
    expect(store.calls.map(({ kind, key }) => `${kind} ${key.slice(0, 3)}`)).toEqual(['put log']);
    expect(await db.get('sum')).toBe(40);
    expect(await db.get(['k', 39])).toBe(40);
  });

  test('across a flush reads no segment either once that is merged with older ones', async () => {
    const store = new RecordingStore(memory);
    const db = await openDatabase(store, { ...OPTIONS, cacheBytes: 0 });
    for (let i = 0; i < 40; i++) await db.set(['k', i], i);
    await db.flush();
    for (let i = 0; i < 40; i++) await db.set(['k', i], -i);
    await db.transact(async (tx) => {
      await tx.get(['k', 7]);
      await tx.count({ prefix: ['none'] });
      await db.set('other', 1);
      await db.flush();
      expect(await db.compact({ all: true })).toMatchObject({ dropped: 0 });
      store.reset();
      tx.set('seen', 1);
    });
    expect(store.calls.map(({ kind, key }) => `${kind} ${key.slice(0, 3)}`)).toEqual(['put log']);
    expect(db.stats().levels).toMatchObject([{ level: 254, entries: 41 }]);
  });

  test('finds what a large transaction has written that was merged with older ones since', async () => {
    const db = await openDatabase(memory, OPTIONS);
    await db.set(['large', 0], 0);
    await db.flush();
    const other = await openDatabase(memory, OPTIONS);
    let runs = 0;
    await db.transact(async (tx) => {
      await tx.get(['large', 1]);
      if (++runs === 1) {
        await other.transact((large) => {
          for (let k = 0; k < 3; k++) large.set(['large', k], 'x'.repeat(300_000));
        });
        await other.compact({ all: true });
        expect(other.stats().levels).toMatchObject([{ level: 254, entries: 3 }]);
      }
      tx.set('seen', runs);
    });
    expect(runs).toBe(2);
  });

  test('finds what another process has written since, through a flush', async () => {
    const db = await openDatabase(memory, OPTIONS);
    await db.set('n', 0);
    const other = await openDatabase(memory, OPTIONS);
    let runs = 0;
    await db.transact(async (tx) => {
      const n = (await tx.get<number>('n'))!;
      if (++runs === 1) {
        await other.set('n', 10);
        await other.flush();
      }
      tx.set('n', n + 1);
    });
    expect([runs, await db.get('n')]).toEqual([2, 11]);
  });

  test('finds what a large transaction has written since: that is in segments only', async () => {
    const db = await openDatabase(memory, OPTIONS);
    await db.set('n', 0);
    const other = await openDatabase(memory, OPTIONS);
    const read = [
      (tx: Parameters<Parameters<Database['transact']>[0]>[0]) => tx.get(['large', 1]),
      (tx: Parameters<Parameters<Database['transact']>[0]>[0]) => tx.count({ prefix: 'large' }),
    ];
    for (const [i, look] of read.entries()) {
      let runs = 0;
      await db.transact(async (tx) => {
        await look(tx);
        if (++runs === 1)
          await other.transact((large) => {
            for (let k = 0; k < 3; k++) large.set(['large', k], 'x'.repeat(300_000 + i));
          });
        tx.set('seen', runs);
      });
      expect(runs).toBe(2);
    }
  });

  test('finds it too where the same record published a flush', async () => {
    const db = await openDatabase(memory, OPTIONS);
    await db.set('n', 0);
    const gated = new GatedStore(memory, {
      open: true,
      when: ({ kind, key }) => kind === 'put' && key.startsWith('log/'),
    });
    const other = await openDatabase(gated, OPTIONS);
    let runs = 0;
    await db.transact(async (tx) => {
      await tx.get(['large', 1]);
      if (++runs === 1) {
        gated.shut();
        const first = other.set('first', 1);
        await gated.waitForPending(1);
        // Both are uploaded while the record before is on its way, and are published by the next one.
        const both = Promise.all([
          other.flush(),
          other.transact((large) => {
            for (let k = 0; k < 3; k++) large.set(['large', k], 'x'.repeat(300_000));
          }),
        ]);
        while ([...memory.objects().keys()].filter((key) => key.startsWith('seg/')).length < 2)
          await new Promise((resolve) => setImmediate(resolve));
        await gated.open();
        await Promise.all([first, both]);
        expect(other.stats()).toMatchObject({ segments: 2, flushes: 1 });
        expect(other.version).toBe(4);
      }
      tx.set('seen', runs);
    });
    expect(runs).toBe(2);
  });

  test('finds what was written and flushed in what a jump has passed over', async () => {
    const { tip } = await openParts(memory, OPTIONS);
    const writer = await openDatabase(memory, OPTIONS);
    const since = tip.view.version;
    for (let i = 0; i < 40; i++) await writer.set(['k', i % KEYS], i);
    await writer.flush();
    for (let i = 0; i < 40; i++) await writer.set(['other', i], i);
    const view = await tip.follow();
    const reads = new ReadSet();
    reads.addPoint(key(3).stored);
    expect(await reads.isOverwrittenIn(view, since)).toBe(true);
    expect((await view.latest(key(3).stored, key(3).bytes))?.version).toBe(since + 40 - (39 % KEYS) + 3);
  });

  test('finds what a large transaction wrote and a merge moved in what a jump has passed over', async () => {
    const writer = await openDatabase(memory, OPTIONS);
    await writer.set(['k', 0], 0);
    await writer.flush();
    await writer.set(['k', 1], 1);
    const { tip } = await openParts(memory, OPTIONS);
    const since = tip.view.version;
    // The first that come are followed one by one.
    for (let i = 0; i < 40; i++) await writer.set(['other', i], i);
    await writer.transact((tx) => {
      for (const k of [0, 2, 4]) tx.set(['k', k], 'x'.repeat(300_000));
    });
    await writer.compact({ all: true });
    for (let i = 0; i < 40; i++) await writer.set(['other', i], i);
    const view = await tip.follow();
    expect(view.manifest.entries).toMatchObject([{ level: 254, entries: 3 }]);
    const reads = new ReadSet();
    reads.addPoint(key(4).stored);
    expect(await reads.isOverwrittenIn(view, since)).toBe(true);
    expect((await view.latest(key(4).stored, key(4).bytes))?.version).toBe(since + 41);
  });

  test('that needs segments asks for all keys of all members at once', async () => {
    const writer = await openDatabase(memory, OPTIONS);
    await writer.set('n', 0);
    const reading: string[] = [];
    const gated = new GatedStore(memory, {
      when: ({ kind, key }) => {
        const waits = kind === 'get' && key.startsWith('seg/') && asking;
        if (waits) reading.push(key);
        return waits;
      },
    });
    let asking = false;
    const db = await openDatabase(gated, { ...OPTIONS, cacheBytes: 0 });
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const all = Array.from({ length: 10 }, (_, t) =>
      db.transact(async (tx) => {
        await tx.get(['k', t, 1]);
        await gate;
        tx.set(['own', t], 1);
      }),
    );
    for (let t = 0; t < 10; t++)
      await writer.transact((tx) => {
        for (const k of [0, 2]) tx.set(['k', t, k], 'x'.repeat(300_000));
      });
    await db.get('n');
    asking = true;
    open();
    // Each member's key lies in the range of a segment of its own.
    await gated.waitForPending(10);
    asking = false;
    await Promise.all(gated.pending.map((call) => call.release()));
    await Promise.all(all);
    expect(new Set(reading).size).toBe(10);
    expect(await db.count({ prefix: 'own' })).toBe(10);
  });
});
