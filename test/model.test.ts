/**
 * The engine against an obvious model: a list of states, one for each version.
 *
 * Several handles on one store do random things in a random order, faults included; every answer must be the
 * model's. fast-check prints the seed and the shortest failing list of commands.
 */
import type { Database } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { FaultyStore, seededRandom } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collect, openTestDatabase } from './support/database.js';

const HANDLES = 3;

type State = ReadonlyMap<number, string>;

/** States by version; a version that the model has not seen written equals the one before it. */
class Model {
  readonly #states = new Map<number, State>([[1, new Map()]]);
  newest = 1;

  write(version: number, change: (state: Map<number, string>) => void): void {
    const state = new Map(this.at(this.newest));
    change(state);
    expect(version).toBeGreaterThanOrEqual(this.newest);
    this.#states.set(version, state);
    this.newest = version;
  }

  at(version: number): State {
    for (let v = version; v >= 1; v--) {
      const state = this.#states.get(v);
      if (state) return state;
    }
    throw new Error(`no state at ${version}`);
  }

  /** As the engine lists it: keys are numbers, in order. */
  entries(version: number, low = 0, high = Number.POSITIVE_INFINITY): [number, string][] {
    return [...this.at(version)].filter(([key]) => key >= low && key < high).sort(([a], [b]) => a - b);
  }
}

interface Real {
  readonly store: FaultyStore;
  readonly handles: Database[];
}

const key = fc.integer({ min: 0, max: 12 });
const handle = fc.integer({ min: 0, max: HANDLES - 1 });
const value = fc.string({ maxLength: 20 });

class Command implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #run: (model: Model, real: Real) => Promise<void>;
  constructor(name: string, run: (model: Model, real: Real) => Promise<void>) {
    this.#name = name;
    this.#run = run;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): Promise<void> {
    return this.#run(model, real);
  }
  toString(): string {
    return this.#name;
  }
}

const values = (entries: { key: unknown[]; value: unknown }[]): [unknown, unknown][] =>
  entries.map((entry) => [entry.key[1], entry.value]);

const commands = [
  fc.tuple(handle, key, value).map(
    ([h, k, v]) =>
      new Command(`set(${h}, ${k}, ${JSON.stringify(v)})`, async (model, { handles }) => {
        const { version } = await handles[h]!.set(['k', k], v);
        model.write(version, (state) => state.set(k, v));
      }),
  ),
  fc.tuple(handle, key).map(
    ([h, k]) =>
      new Command(`delete(${h}, ${k})`, async (model, { handles }) => {
        const { version } = await handles[h]!.delete(['k', k]);
        model.write(version, (state) => state.delete(k));
      }),
  ),
  fc.tuple(handle, key, key).map(
    ([h, a, b]) =>
      new Command(`deleteRange(${h}, ${a}, ${b})`, async (model, { handles }) => {
        const { version } = await handles[h]!.deleteRange({ gte: ['k', a], lt: ['k', b] });
        model.write(Math.max(version, model.newest), (state) => {
          for (const k of [...state.keys()]) if (k >= a && k < b) state.delete(k);
        });
      }),
  ),
  fc.tuple(handle, key, key, value).map(
    ([h, from, to, v]) =>
      new Command(`move(${h}, ${from}, ${to}, ${JSON.stringify(v)})`, async (model, { handles }) => {
        const db = handles[h]!;
        const seen = await db.transact(async (tx) => {
          const found = await tx.get<string>(['k', from]);
          const below = await collect(tx.list({ gte: ['k', 0], lt: ['k', to] }));
          tx.delete(['k', from]);
          tx.set(['k', to], (found ?? '') + v + below.length);
          return { found, below: values(below) };
        });
        expect(seen.found).toEqual(model.at(model.newest).get(from));
        expect(seen.below).toEqual(model.entries(model.newest, 0, to));
        model.write(db.version, (state) => {
          state.delete(from);
          state.set(to, (seen.found ?? '') + v + seen.below.length);
        });
      }),
  ),
  fc.tuple(handle, fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 8 })).map(
    ([h, writes]) =>
      new Command(`bulk(${h}, ${JSON.stringify(writes)})`, async (model, { handles }) => {
        const padding = 'p'.repeat(70_000);
        const db = handles[h]!;
        await db.transact((tx) => {
          for (const [k, v] of writes) tx.set(['k', k], v);
          // Takes the transaction past the size at which its writes go to segments at once.
          for (let i = 0; i < 8; i++) tx.set(['padding', i], padding);
        });
        model.write(db.version, (state) => {
          for (const [k, v] of writes) state.set(k, v);
        });
      }),
  ),
  handle.map(
    (h) =>
      new Command(`flush(${h})`, async (_, { handles }) => {
        await handles[h]!.flush();
      }),
  ),
  handle.map(
    (h) =>
      new Command(`reopen(${h})`, async (_, real) => {
        await real.handles[h]!.close();
        real.handles[h] = await openTestDatabase(real.store);
      }),
  ),
  fc.tuple(handle, key).map(
    ([h, k]) =>
      new Command(`get(${h}, ${k})`, async (model, { handles }) => {
        expect(await handles[h]!.get(['k', k])).toEqual(model.at(model.newest).get(k));
      }),
  ),
  fc.tuple(handle, key, key, fc.boolean(), fc.option(fc.integer({ min: 0, max: 5 }))).map(
    ([h, a, b, reverse, limit]) =>
      new Command(`list(${h}, ${a}, ${b}, ${reverse}, ${limit})`, async (model, { handles }) => {
        const range = { gte: ['k', a], lt: ['k', b], reverse, limit: limit ?? undefined };
        const found = values(await collect(handles[h]!.list(range)));
        const expected = model.entries(model.newest, a, b);
        if (reverse) expected.reverse();
        expect(found).toEqual(expected.slice(0, limit ?? undefined));
        expect(await handles[h]!.count({ gte: ['k', a], lt: ['k', b] })).toBe(
          model.entries(model.newest, a, b).length,
        );
      }),
  ),
  fc.tuple(handle, fc.double({ min: 0, max: 1, noNaN: true })).map(
    ([h, where]) =>
      new Command(`snapshot(${h}, ${where})`, async (model, { handles }) => {
        const db = handles[h]!;
        await db.get('anything');
        const at = 1 + Math.floor(where * (db.version - 1));
        const snapshot = await db.snapshot({ at });
        expect(snapshot.version).toBe(at);
        expect(values(await collect(snapshot.list({ prefix: 'k' })))).toEqual(model.entries(at));
        const now = await db.snapshot();
        const changed = new Map(
          (await collect(snapshot.diff(now, { prefix: 'k' }))).map(({ key, value, previous }) => [
            key[1],
            { value, previous },
          ]),
        );
        for (let k = 0; k <= 12; k++) {
          const before = model.at(at).get(k);
          const after = model.at(now.version).get(k);
          if (changed.has(k)) expect(changed.get(k)).toEqual({ value: after, previous: before });
          else expect(after).toEqual(before);
        }
      }),
  ),
  fc.constantFrom('put' as const, 'get' as const).map(
    (kind) =>
      new Command(`loseResponse(${kind})`, async (_, { store }) => {
        store.loseResponseAfter(kind, { when: (name) => name.startsWith('log/') });
      }),
  ),
  fc.constantFrom('put' as const, 'get' as const, 'list' as const).map(
    (kind) =>
      new Command(`failBefore(${kind})`, async (_, { store }) => {
        store.failBefore(kind);
      }),
  ),
];

describe('the engine agrees with the model', () => {
  test('over random commands on several handles, faults included', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60 }), fc.integer(), async (list, seed) => {
        const store = new FaultyStore(new MemoryStore());
        const random = seededRandom(seed);
        const handles = await Promise.all(
          Array.from({ length: HANDLES }, () => openTestDatabase(store, { random })),
        );
        const real: Real = { store, handles };
        await fc.asyncModelRun(() => ({ model: new Model(), real }), list);
        store.clear();
        const report = await handles[0]!.verify({ deep: true });
        expect(report.problems).toEqual([]);
        for (const db of handles) await db.close();
      }),
      { numRuns: Number(process.env.HOLDFAST_MODEL_RUNS ?? 60) },
    );
  });
});
