/**
 * `deleteRange` inside a transaction is recorded like any write: it takes effect in its place among the others, and
 * what the body reads afterwards is what the commit makes true.
 */
import type { Transaction } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
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
  test('meets a key that another transaction has put there meanwhile: the body runs again', async () => {
    const store = new MemoryStore();
    const [db, other] = [await openTestDatabase(store), await openTestDatabase(store)];
    await db.set(['k', 1], 1);
    let runs = 0;
    await db.transact(async (tx) => {
      tx.deleteRange({ prefix: 'k' });
      if (runs++ === 0) await other.set(['k', 2], 2);
    });
    expect(runs).toBe(2);
    expect(await db.count({ prefix: 'k' })).toBe(0);
  });

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
