/**
 * A range deletion is one write of all keys in the range: it takes effect in its place among the others, whatever is
 * there by then, and what a body reads after it is what the commit makes true.
 */
import type { Transaction } from '@holdfast/mvcc';
import { MemoryStore, Traffic } from '@holdfast/object-store';
import { GatedStore, ManualClock, RecordingStore, settled } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase } from './support/database.js';

const KEYS = 12;

type Step =
  | { kind: 'set' | 'add' | 'max'; at: number; n: number }
  | { kind: 'delete' | 'get' | 'snapshotGet'; at: number }
  | { kind: 'deleteRange'; from: number; to: number }
  | { kind: 'list'; from: number; to: number; reverse: boolean; limit: number }
  | { kind: 'count' | 'first'; from: number; to: number };

const at = fc.nat(KEYS - 1);
const bounds = { from: fc.nat(KEYS), to: fc.nat(KEYS) };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set' as const, 'add' as const, 'max' as const), at, n: fc.nat(9) }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'get' as const, 'snapshotGet' as const), at }),
  fc.record({ kind: fc.constant('deleteRange' as const), ...bounds }),
  fc.record({
    kind: fc.constant('list' as const),
    ...bounds,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 1, max: KEYS }),
  }),
  fc.record({ kind: fc.constantFrom('count' as const, 'first' as const), ...bounds }),
);

const range = (from: number, to: number) => ({ gte: ['k', from], lt: ['k', to] });

/** A `Map`, and what each step answers from it. */
function inModel(model: Map<number, number>, step: Step): unknown {
  const inside = (from: number, to: number): [number, number][] =>
    [...model].filter(([k]) => k >= from && k < to).sort(([a], [b]) => a - b);
  switch (step.kind) {
    case 'set':
      return void model.set(step.at, step.n);
    case 'add':
      return void model.set(step.at, (model.get(step.at) ?? 0) + step.n);
    case 'max':
      return void model.set(step.at, Math.max(model.get(step.at) ?? step.n, step.n));
    case 'delete':
      return void model.delete(step.at);
    case 'deleteRange':
      for (const [k] of inside(step.from, step.to)) model.delete(k);
      return undefined;
    case 'list': {
      const found = inside(step.from, step.to);
      return (step.reverse ? found.reverse() : found).slice(0, step.limit);
    }
    case 'count':
      return inside(step.from, step.to).length;
    case 'first':
      return inside(step.from, step.to)[0];
    default:
      return model.get(step.at);
  }
}

async function inTransaction(tx: Transaction, step: Step): Promise<unknown> {
  const pair = (entry: { key: readonly unknown[]; value: unknown }) => [entry.key[1], entry.value];
  switch (step.kind) {
    case 'set':
      return tx.set(['k', step.at], step.n);
    case 'add':
      return tx.add(['k', step.at], step.n);
    case 'max':
      return tx.max(['k', step.at], step.n);
    case 'delete':
      return tx.delete(['k', step.at]);
    case 'deleteRange':
      return tx.deleteRange(range(step.from, step.to));
    case 'list': {
      const { reverse, limit } = step;
      return (await collect(tx.list(range(step.from, step.to), { reverse, limit }))).map(pair);
    }
    case 'count':
      return tx.count(range(step.from, step.to));
    case 'first': {
      const entry = await tx.first(range(step.from, step.to));
      return entry && pair(entry);
    }
    case 'get':
      return tx.get(['k', step.at]);
    case 'snapshotGet':
      return tx.snapshotGet(['k', step.at]);
  }
}

describe('any mixture of writes, range deletions and reads in bodies', () => {
  test('answers, and leaves behind, what a Map would', async () => {
    const transaction = fc.record({
      steps: fc.array(step, { maxLength: 14 }),
      flush: fc.boolean(),
      isolation: fc.constantFrom('serializable' as const, 'snapshot' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { minLength: 1, maxLength: 6 }), async (transactions) => {
        const store = new MemoryStore();
        const db = await openTestDatabase(store, { probe: 'skip', maintenance: 'manual' });
        const model = new Map<number, number>();
        for (const { steps, flush, isolation } of transactions) {
          await db.transact(
            async (tx) => {
              for (const step of steps) expect(await inTransaction(tx, step)).toEqual(inModel(model, step));
            },
            { isolation },
          );
          const left = (await collect(db.list({ prefix: 'k' }))).map(({ key, value }) => [key[1], value]);
          expect(left).toEqual([...model].sort(([a], [b]) => a - b));
          if (flush) await db.flush();
        }
        await db.close();
      }),
      { numRuns: 150 },
    );
  });

  test('of many at once comes to what they come to one after the other', async () => {
    const bodies = fc.array(fc.array(step, { maxLength: 8 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(bodies, async (all) => {
        const store = new MemoryStore();
        const handles = [await openTestDatabase(store), await openTestDatabase(store)];
        const order: { stamp: string; steps: Step[]; answers: unknown[] }[] = [];
        await Promise.all(
          all.map(async (steps, i) => {
            const db = handles[i % 2]!;
            const answers = await db.transact(async (tx) => {
              const found: unknown[] = [];
              for (const step of steps)
                if (step.kind !== 'snapshotGet') found.push(await inTransaction(tx, step));
              tx.set(['done', i], 1);
              return found;
            });
            const { versionstamp } = (await db.getEntry(['done', i]))!;
            order.push({ stamp: versionstamp, steps, answers });
          }),
        );
        order.sort((a, b) => (a.stamp < b.stamp ? -1 : 1));
        const model = new Map<number, number>();
        for (const { steps, answers } of order) {
          const expected = steps
            .filter(({ kind }) => kind !== 'snapshotGet')
            .map((step) => inModel(model, step));
          expect(answers).toEqual(expected);
        }
        const left = (await collect(handles[0]!.list({ prefix: 'k' }))).map(({ key, value }) => [
          key[1],
          value,
        ]);
        expect(left).toEqual([...model].sort(([a], [b]) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a range deletion', () => {
  test('that a body has not room for fails the transaction', async () => {
    const db = await openTestDatabase(new MemoryStore());
    await expectCode(
      db.transact((tx) => {
        const value = new Uint8Array(15 * 2 ** 20);
        for (let i = 0; i < 18; i++) tx.set(['big', i], value);
      }),
      'LIMIT_EXCEEDED',
    );
    // What a range takes back is room again.
    await db.transact((tx) => {
      const value = new Uint8Array(15 * 2 ** 20);
      for (let i = 0; i < 18; i++) {
        tx.set(['big', i], value);
        tx.deleteRange({ prefix: 'big' });
      }
      tx.set('small', 1);
    });
    expect(await db.count()).toBe(1);
  });

  test('leaves a walk that began before it as it was', async () => {
    const db = await openTestDatabase(new MemoryStore());
    for (let i = 0; i < 5; i++) await db.set(['k', i], i);
    const seen: unknown[] = [];
    await db.transact(async (tx) => {
      for await (const { value } of tx.list({ prefix: 'k' })) {
        seen.push(value);
        tx.deleteRange({ prefix: 'k' });
      }
      expect(await tx.count({ prefix: 'k' })).toBe(0);
    });
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(await db.count()).toBe(0);
  });
});

describe('what a range deletion conflicts with', () => {
  type Body = (tx: Transaction) => unknown;
  const remove: Body = (tx) => tx.deleteRange(range(2, 6));

  /** How often `first` runs when `between` commits after its first run began, by another process or by its own. */
  async function runs(
    first: Body,
    between: Body,
    o: { own?: boolean; flush?: boolean; jump?: boolean; isolation?: 'snapshot' } = {},
  ): Promise<number> {
    const store = new MemoryStore();
    const options = { maintenance: 'manual' } as const;
    const db = await openTestDatabase(store, options);
    const other = o.own ? db : await openTestDatabase(store, options);
    for (let i = 0; i < KEYS; i++) await db.set(['k', i], i);
    let count = 0;
    await db.transact(
      async (tx) => {
        await first(tx);
        if (++count > 1) return;
        await other.transact((tx) => between(tx) as undefined);
        // So far that the flush is never seen: what it moved lies in segments only.
        if (o.jump) for (let i = 0; i < 20; i++) await other.set(['far', i], i);
        if (o.flush) await other.flush();
      },
      { isolation: o.isolation },
    );
    await db.close();
    return count;
  }

  const reads: [string, Body][] = [
    ['a get of a key in it', (tx) => tx.get(['k', 3])],
    ['a get of a key in it that was not there', (tx) => tx.get(['k', 3, 'none'])],
    ['a scan over it', async (tx) => collect(tx.list(range(0, 12)))],
    ['a scan that ends in it', (tx) => tx.count(range(0, 3))],
    ['a scan that begins in it', (tx) => tx.count(range(5, 9))],
    ['a scan of a part of it that had no keys', (tx) => tx.count({ prefix: ['k', 3] })],
    ['the first key of a scan that reaches into it', (tx) => tx.first(range(2, 12))],
  ];
  const otherReads: [string, Body][] = [
    ['a get before it', (tx) => tx.get(['k', 1])],
    ['a get of the key where it ends', (tx) => tx.get(['k', 6])],
    ['a scan up to where it begins', (tx) => tx.count(range(0, 2))],
    ['a scan from where it ends', (tx) => tx.count(range(6, 12))],
    ['a scan that stopped before it', (tx) => tx.first(range(0, 12))],
    ['a get of a key in it, without a conflict', (tx) => tx.snapshotGet(['k', 3])],
  ];
  const places = [{}, { own: true }, { flush: true }, { flush: true, jump: true }];

  test.each(reads)('%s: the body runs again', async (_, read) => {
    const body: Body = async (tx) => {
      await read(tx);
      tx.set('done', 1);
    };
    for (const place of places) expect(await runs(body, remove, place)).toBe(2);
    // Reads alone hold at the tip, or are made again.
    expect(await runs(read, remove)).toBe(2);
  });

  test.each(otherReads)('not %s', async (_, read) => {
    const body: Body = async (tx) => {
      await read(tx);
      tx.set('done', 1);
    };
    for (const place of places) expect(await runs(body, remove, place)).toBe(1);
  });

  const writes: [string, Body][] = [
    ['a write', (tx) => tx.set(['k', 3], 'new')],
    ['a write of a new key', (tx) => tx.set(['k', 3, 'new'], 'new')],
    ['an add', (tx) => tx.add(['k', 3], 1)],
    ['another range deletion', (tx) => tx.deleteRange(range(0, 4))],
    ['one of the same range', remove],
  ];
  test.each(writes)('not %s: the later one counts', async (_, write) => {
    for (const place of places) {
      expect(await runs(remove, write, place)).toBe(1);
      expect(await runs(write, remove, place)).toBe(1);
    }
  });

  test.each(writes)('%s in its range, between two snapshots: both wrote there', async (_, write) => {
    for (const place of places) {
      expect(await runs(remove, write, { ...place, isolation: 'snapshot' })).toBe(2);
      expect(await runs(write, remove, { ...place, isolation: 'snapshot' })).toBe(2);
    }
  });

  test('a write beside its range, between two snapshots: no conflict', async () => {
    const beside: Body = (tx) => tx.set(['k', 6], 'new');
    expect(await runs(remove, beside, { isolation: 'snapshot' })).toBe(1);
    expect(await runs(beside, remove, { isolation: 'snapshot' })).toBe(1);
  });

  test.each(reads)('of its own group: %s, which runs on what it has left', async (_, read) => {
    expect(await runsInGroup(read)).toBe(2);
  });

  test.each(otherReads)('of its own group: not %s', async (_, read) => {
    expect(await runsInGroup(read)).toBe(1);
  });

  /** How often a body runs that reads, and is to be committed by the record that deletes the range. */
  async function runsInGroup(read: Body): Promise<number> {
    const gated = new GatedStore(new MemoryStore(), { open: true });
    const db = await openTestDatabase(gated, { maintenance: 'manual' });
    for (let i = 0; i < KEYS; i++) await db.set(['k', i], i);
    gated.shut();
    const ahead = db.set('ahead', 1);
    await gated.waitForPending(1);
    let count = 0;
    const deletion = db.transact((tx) => remove(tx) as undefined);
    const reading = db.transact(async (tx) => {
      count++;
      await read(tx);
      tx.set('read', 1);
    });
    await settled();
    await gated.open();
    await Promise.all([ahead, deletion, reading]);
    expect(db.stats().commits).toBe(KEYS + 2);
    await db.close();
    return count;
  }

  test('of its own group: an add finds nothing, and what is counted after it is what it has left', async () => {
    const db = await openTestDatabase(new MemoryStore());
    for (let i = 0; i < 4; i++) await db.set(['k', i], 1);
    const blocked = db.set('busy', 1);
    const removed = db.transact((tx) => tx.deleteRange({ prefix: 'k' }));
    const counted = db.transact(async (tx) => {
      const n = await tx.count({ prefix: 'k' });
      tx.set('counted', n);
      return n;
    });
    const added = db.transact((tx) => tx.add(['k', 1], 5));
    await Promise.all([blocked, removed, added]);
    // What was added after the deletion is there again.
    expect([await counted, await db.get('counted')]).toEqual([1, 1]);
    expect(db.stats().reruns).toBe(1);
    expect(await db.get(['k', 1])).toBe(5);
    expect(await db.count({ prefix: 'k' })).toBe(1);
  });
});

describe('what it costs', () => {
  test('is the same for any number of keys, in requests and in bytes', async () => {
    const costs: unknown[] = [];
    for (const keys of [1, 100_000]) {
      const store = new RecordingStore(new MemoryStore());
      const db = await openTestDatabase(store, { maintenance: 'manual', clock: new ManualClock() });
      for (let i = 0; i < keys; i += 50_000)
        await db.transact((tx) => {
          for (let k = i; k < Math.min(keys, i + 50_000); k++) tx.set(['k', k], 'x'.repeat(20));
        });
      await db.flush();
      store.reset();
      const traffic = new Traffic();
      await db.deleteRange({ prefix: 'k' }, { meter: traffic });
      costs.push(
        store.calls.map(({ kind, key }) => `${kind} ${key.slice(0, 4)}`),
        traffic.bytesOut,
      );
      const readsBefore = store.calls.length;
      expect(await db.count({ prefix: 'k' })).toBe(0);
      expect(await db.first()).toBeUndefined();
      expect(await collect(db.keys({ reverse: true }))).toEqual([]);
      expect(await db.get(['k', 0])).toBeUndefined();
      // Nothing of what is wholly deleted is fetched, nor walked through.
      expect(store.calls.slice(readsBefore).filter(({ key }) => key.startsWith('seg/'))).toEqual([]);
    }
    expect(costs.slice(0, 2)).toEqual(costs.slice(2));
    expect(costs[0]).toEqual(['put log/']);
  });

  test('flushed, one small segment says it, and a scan reads nothing besides', async () => {
    const memory = new MemoryStore();
    const db = await openTestDatabase(memory, { maintenance: 'manual' });
    await db.transact((tx) => {
      for (let k = 0; k < 60_000; k++) tx.set(['k', k], 'x'.repeat(20));
    });
    await db.deleteRange({ prefix: 'k' });
    await db.flush();
    const store = new RecordingStore(memory);
    const fresh = await openTestDatabase(store, { readOnly: true });
    store.reset();
    expect(await fresh.count()).toBe(0);
    expect(store.calls.filter(({ key }) => key.startsWith('seg/'))).toHaveLength(1);
    store.reset();
    expect(await collect(fresh.list({ reverse: true }))).toEqual([]);
    expect(store.calls.filter(({ key }) => key.startsWith('seg/'))).toEqual([]);
  });

  test('flushed again and again, the older ones are not fetched once a newer one lies over them', async () => {
    const memory = new MemoryStore();
    const db = await openTestDatabase(memory, { maintenance: 'manual' });
    for (let round = 0; round < 5; round++) {
      for (let k = 0; k < 3; k++) await db.deleteRange({ gte: ['k', round, k], lt: ['k', round, k, 9] });
      await db.set(['k', round, 0], 'x');
      await db.flush();
    }
    await db.deleteRange({ prefix: 'k' });
    const store = new RecordingStore(memory);
    const fresh = await openTestDatabase(store, { readOnly: true });
    store.reset();
    expect(await fresh.count()).toBe(0);
    expect(await collect(fresh.keys({ reverse: true }))).toEqual([]);
    expect(store.calls.filter(({ key }) => key.startsWith('seg/'))).toEqual([]);
    // Where it does not lie over all of one, that one is asked.
    await db.set(['k', 9], 'x');
    expect(await collect(fresh.keys())).toEqual([['k', 9]]);
  });
});

describe('a deleted range', () => {
  const OPTIONS = { maintenance: 'manual', cacheBytes: 0 } as const;
  const big = (n: number): string => String(n).padEnd(70_000, '.');

  type Action =
    | { kind: 'set' | 'delete'; at: number }
    | { kind: 'deleteRange' | 'large' | 'rewrite'; at: number; to: number }
    | { kind: 'flush' | 'reopen' };
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('set' as const, 'delete' as const), at }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('deleteRange' as const, 'large' as const, 'rewrite' as const),
        at,
        to: fc.nat(KEYS),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'reopen' as const) }) },
  );

  test('is seen alike by whoever comes to a version, from wherever, and its changes are told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
        const store = new MemoryStore();
        let db = await openTestDatabase(store, OPTIONS);
        const follower = await openTestDatabase(store, { ...OPTIONS, readOnly: true });
        const model = new Map<number, unknown>();
        const states: [number, Map<number, unknown>][] = [[db.version, new Map()]];
        for (const [n, step] of actions.entries()) {
          const span = 'to' in step ? Array.from({ length: KEYS }, (_, i) => i).slice(step.at, step.to) : [];
          if (step.kind === 'set') {
            await db.set(['k', step.at], n);
            model.set(step.at, n);
          } else if (step.kind === 'delete') {
            await db.delete(['k', step.at]);
            model.delete(step.at);
          } else if (step.kind === 'deleteRange') {
            await db.deleteRange(range(step.at, step.to));
            for (const k of span) model.delete(k);
          } else if (step.kind === 'large' || step.kind === 'rewrite') {
            // Large: its writes lie in segments. Rewritten: of what it deletes first, every other key.
            const kept = span.filter((k) => step.kind === 'large' || k % 2 === 0);
            const value = step.kind === 'large' ? big(n) : n;
            await db.transact((tx) => {
              tx.deleteRange(range(step.at, step.to));
              for (const k of kept) tx.set(['k', k], value);
            });
            for (const k of span) model.delete(k);
            for (const k of kept) model.set(k, value);
          } else if (step.kind === 'flush') await db.flush();
          else {
            await db.close();
            db = await openTestDatabase(store, OPTIONS);
          }
          if (db.version > states.at(-1)![0]) states.push([db.version, new Map(model)]);
          if (n % 3 === 0) await follower.get('none');
        }
        const sorted = (map: Map<number, unknown>) => [...map].sort(([a], [b]) => a - b);
        const pairs = (entries: { key: readonly unknown[]; value: unknown }[]) =>
          entries.map(({ key, value }) => [key[1], value]);
        const fresh = await openTestDatabase(store, { ...OPTIONS, readOnly: true });
        for (const reader of [db, follower, fresh]) {
          expect(pairs(await collect(reader.list({ prefix: 'k' })))).toEqual(sorted(model));
          expect(pairs(await collect(reader.list({ prefix: 'k', reverse: true })))).toEqual(
            sorted(model).reverse(),
          );
          for (let k = 0; k < KEYS; k++) expect(await reader.get(['k', k])).toEqual(model.get(k));
          const part = range(3, 8);
          expect(await reader.count(part)).toBe(sorted(model).filter(([k]) => k >= 3 && k < 8).length);
        }
        const [first, second] = [states[Math.floor(states.length / 3)]!, states.at(-1)!];
        const [older, newer] = [
          await fresh.snapshot({ at: first[0] }),
          await fresh.snapshot({ at: second[0] }),
        ];
        expect(pairs(await collect(older.list()))).toEqual(sorted(first[1]));
        const changed = Array.from(
          { length: KEYS },
          (_, k) => [k, first[1].get(k), second[1].get(k)] as const,
        ).filter(([, before, after]) => before !== after);
        const told = (await collect(older.diff(newer))).filter(({ value, previous }) => value !== previous);
        expect(told.map(({ key, previous, value }) => [key[1], previous, value])).toEqual(changed);
        const undone = (await collect(newer.diff(older))).filter(({ value, previous }) => value !== previous);
        expect(undone.map(({ key, previous, value }) => [key[1], value, previous])).toEqual(changed);
        // Each change, one after the other, leads from there to here, and says what it changes.
        await db.set('end', 1);
        const watched = new Map(first[1]);
        for await (const { key, value, previous } of fresh.watch({}, { from: first[0], pollMs: 0 })) {
          if (key[0] === 'end') break;
          const k = key[1] as number;
          expect(previous).toEqual(watched.get(k));
          if (value === undefined) watched.delete(k);
          else watched.set(k, value);
        }
        expect(sorted(watched)).toEqual(sorted(model));
        expect((await fresh.verify({ deep: true })).problems).toEqual([]);
        for (const handle of [db, follower, fresh]) await handle.close();
      }),
      { numRuns: 60 },
    );
  });
});
