/**
 * I5, checked from outside: the acknowledged transactions, replayed one after the other in versionstamp order,
 * must have read exactly what they said they read.
 *
 * Many clients on several handles run random transactions at once, over a store that loses answers. Each notes
 * what it saw (keys, ranges, its own writes) and what it wrote; the replay is a Map.
 */
import type { Database, Transaction } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { FaultyStore, seededRandom } from '@holdfast/object-store/testing';
import { expect, test } from 'vitest';
import { collect, openTestDatabase } from './support/database.js';

interface Seen {
  readonly reads: { readonly key: number; readonly value: unknown }[];
  readonly ranges: { readonly low: number; readonly high: number; readonly entries: [unknown, unknown][] }[];
  readonly adds: { readonly key: number; readonly n: number }[];
  readonly writes: { readonly key: number; readonly value: unknown }[];
}

const KEYS = 8;

/** A generator of small integers from a seed. */
function dice(seed: number): (sides: number) => number {
  const random = seededRandom(seed);
  return (sides) => {
    const [a, b] = random(2);
    return (a! * 256 + b!) % sides;
  };
}

/** One random transaction. The same `plan` seed makes the same calls however often the body is run. */
async function body(tx: Transaction, plan: number, id: string): Promise<Seen> {
  const roll = dice(plan);
  const seen: Seen = { reads: [], ranges: [], adds: [], writes: [] };
  // Every transaction writes its own key: its stamp is then the transaction's.
  tx.set(['id', id], plan);
  for (let step = 1 + roll(4); step > 0; step--) {
    const key = roll(KEYS);
    const kind = roll(6);
    if (kind <= 1) seen.reads.push({ key, value: await tx.get(['k', key]) });
    else if (kind === 2) {
      const high = key + roll(KEYS - key + 1);
      const entries = await collect(tx.list({ gte: ['k', key], lt: ['k', high] }));
      seen.ranges.push({ low: key, high, entries: entries.map((e) => [e.key[1], e.value]) });
    } else if (kind === 3) {
      const value = await tx.get<number>(['n', key]);
      seen.reads.push({ key: key + 100, value });
      tx.set(['n', key], (value ?? 0) + 1);
      seen.writes.push({ key: key + 100, value: (value ?? 0) + 1 });
    } else if (kind === 4) {
      tx.add(['sum', key], step);
      seen.adds.push({ key, n: step });
    } else if (roll(5) === 0) {
      tx.delete(['k', key]);
      seen.writes.push({ key, value: undefined });
    } else {
      tx.set(['k', key], `${id}/${step}`);
      seen.writes.push({ key, value: `${id}/${step}` });
    }
  }
  return seen;
}

/** Own writes are seen by later reads of the same body, so reads and writes are replayed in the body's order. */
async function replay(
  state: Map<number, unknown>,
  sums: Map<number, number>,
  plan: number,
  id: string,
  seen: Seen,
): Promise<void> {
  const local = new Map(state);
  const fake = {
    set: ([space, key]: [string, number], value: unknown) => {
      if (space === 'k') local.set(key, value);
      if (space === 'n') local.set(key + 100, value);
    },
    delete: ([, key]: [string, number]) => local.delete(key),
    get: async ([space, key]: [string, number]) => local.get(space === 'n' ? key + 100 : key),
    add: ([, key]: [string, number], n: number) => sums.set(key, (sums.get(key) ?? 0) + n),
    async *list({ gte, lt }: { gte: [string, number]; lt: [string, number] }) {
      for (const [key, value] of [...local].sort(([a], [b]) => a - b))
        if (key >= gte[1] && key < lt[1] && key < 100) yield { key: ['k', key], value };
    },
  };
  expect(seen, `transaction ${id}`).toEqual(await body(fake as never, plan, id));
  state.clear();
  for (const [key, value] of local) state.set(key, value);
}

async function runClients(handles: Database[], clients: number, each: number, seed: number) {
  const done: { id: string; plan: number; seen: Seen }[] = [];
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; i < each; i++) {
        const id = `${client}.${i}`;
        const plan = seed * 1_000_003 + client * 1_009 + i;
        const seen = await handles[client % handles.length]!.transact((tx) => body(tx, plan, id));
        done.push({ id, plan, seen });
      }
    }),
  );
  return done;
}

test.each([1, 2, 3, 4, 5, 6])(
  'seed %i: acknowledged transactions have read what their order says',
  async (seed) => {
    const store = new FaultyStore(new MemoryStore());
    const handles = await Promise.all(Array.from({ length: 3 }, () => openTestDatabase(store)));
    const roll = dice(seed);
    for (let i = 0; i < 12; i++) {
      const turn = roll(1000);
      store.loseResponseAfter('put', { when: (name) => name.startsWith('log/') && roll(1000) < turn });
      store.failBefore('get', { when: () => roll(1000) < turn });
    }
    const flushing = (async () => {
      for (let i = 0; i < 5; i++) {
        await handles[i % 3]!.get('wait');
        await handles[i % 3]!.flush();
      }
    })();
    const done = await runClients(handles, 24, 12, seed);
    await flushing;
    const stamps = new Map(
      (await collect(handles[0]!.list({ prefix: 'id' }))).map((e) => [e.key[1] as string, e.versionstamp]),
    );
    expect(stamps.size).toBe(done.length);
    done.sort((a, b) => (stamps.get(a.id)! < stamps.get(b.id)! ? -1 : 1));
    expect(new Set(stamps.values()).size).toBe(done.length);
    const state = new Map<number, unknown>();
    const sums = new Map<number, number>();
    for (const { id, plan, seen } of done) await replay(state, sums, plan, id, seen);
    for (let key = 0; key < KEYS; key++) {
      expect(await handles[1]!.get(['k', key])).toEqual(state.get(key));
      expect(await handles[1]!.get(['n', key])).toEqual(state.get(key + 100));
      expect(await handles[1]!.get(['sum', key])).toEqual(sums.get(key));
    }
    expect((await handles[2]!.verify()).problems).toEqual([]);
  },
);
