/**
 * Reads of a state that is in memory as a whole, opened and checked, against what nothing can be quicker than: a Map of
 * the same values, and a copy of each that is read.
 */
import { MISS, type Snapshot } from 'holdfast';
import { collectGarbage, type Measure, type Row, type Stage, timed } from '../measure.js';
import { noise, openBench, seeded } from '../sample-state.js';
import { summarize } from '../stats.js';
import { zipf } from '../zipf.js';

const VALUE_BYTES = 400;
const ROWS_PER_TRANSACTION = 20_000;
const CACHE_BYTES = 1024 * 1024 * 1024;
const SKEW = 0.99;

export const hotReads: Measure = {
  name: 'hot-reads',
  networks: 'direct',
  async run(stage: Stage): Promise<Row[]> {
    const { hotRows: rows, rounds } = stage.scale;
    const { signal } = stage;
    const keys = Array.from({ length: rows }, (_, i) => Buffer.from(noise(`key ${i}`, 10)).toString('hex'));
    const values = noise('values', rows * VALUE_BYTES);
    const plain = new Map(
      keys.map((key, i) => [key, values.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES)] as const),
    );
    const sorted = keys.toSorted();
    const db = await openBench(stage.place().direct, { cacheBytes: CACHE_BYTES });
    for (let from = 0; from < rows; from += ROWS_PER_TRANSACTION) {
      signal.throwIfAborted();
      stage.progress(`importing, ${from} of ${rows} rows`);
      await db.transact((tx) => {
        for (const key of sorted.slice(from, from + ROWS_PER_TRANSACTION)) tx.set(key, plain.get(key)!);
      });
    }
    await db.flush();
    const snapshot = await db.snapshot();
    const uniform = seeded(rows);
    const skewed = zipf(rows, SKEW, seeded(rows + 1));
    const anyKeys = keys.map(() => keys[Math.floor(uniform() * rows)]!);
    const hotKeys = keys.map(() => keys[skewed()]!);
    const maps = { gets: (of: string[]) => () => copyEach(of, plain), walk: () => copyEach(sorted, plain) };
    const cells: readonly Cell[] = [
      { what: 'peek(), uniform', ours: () => peekEach(snapshot, anyKeys), limit: maps.gets(anyKeys) },
      { what: `peek(), Zipf ${SKEW}`, ours: () => peekEach(snapshot, hotKeys), limit: maps.gets(hotKeys) },
      { what: 'await get()', ours: () => getEach(snapshot, anyKeys), limit: maps.gets(anyKeys) },
      { what: 'getMany() of 100', ours: () => getMany(snapshot, anyKeys), limit: maps.gets(anyKeys) },
      { what: 'list()', ours: () => walk(snapshot.list()), limit: maps.walk },
      { what: 'list(), reverse', ours: () => walk(snapshot.list({}, { reverse: true })), limit: maps.walk },
      { what: 'list().batches()', ours: () => walkBatches(snapshot), limit: maps.walk },
      { what: 'keys()', ours: () => walk(snapshot.keys()), limit: maps.walk },
      { what: 'count()', ours: () => snapshot.count(), limit: maps.walk },
    ];
    // All blocks are in memory then, and have an index.
    for (let i = 0; i < 10; i++)
      for (const key of keys) if (snapshot.peek(key) === MISS) await snapshot.get(key);
    const found: Row[] = [];
    for (const { what, ours, limit } of cells) {
      stage.progress(what);
      const [mine, raw]: [number[], number[]] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        signal.throwIfAborted();
        for (const [run, rates] of [[ours, mine] as const, [limit, raw] as const]) {
          collectGarbage();
          const { ms, result } = await timed(async () => run());
          if (result !== rows) throw new Error(`${what}: expected ${rows} rows, found ${result}.`);
          // The first round warms up.
          if (round > 0) rates.push(rows / ms);
        }
      }
      found.push({
        measure: this.name,
        what: `${rows} rows in memory: ${what}`,
        network: stage.network,
        unit: 'rows/ms',
        ours: summarize(mine),
        baseline: { what: 'a Map of the same, each value copied', samples: summarize(raw) },
        facts: { 'cache bytes': db.stats().cacheBytes, segments: db.stats().segments },
      });
    }
    await db.close();
    return found;
  },
};

interface Cell {
  readonly what: string;
  readonly ours: () => number | Promise<number>;
  readonly limit: () => number;
}

function copyEach(keys: readonly string[], plain: ReadonlyMap<string, Uint8Array>): number {
  let found = 0;
  for (const key of keys) if (new Uint8Array(plain.get(key)!).length === VALUE_BYTES) found++;
  return found;
}

function peekEach(snapshot: Snapshot, keys: readonly string[]): number {
  let found = 0;
  for (const key of keys) if ((snapshot.peek(key) as Uint8Array).length === VALUE_BYTES) found++;
  return found;
}

async function getEach(snapshot: Snapshot, keys: readonly string[]): Promise<number> {
  let found = 0;
  for (const key of keys) if ((await snapshot.get<Uint8Array>(key))!.length === VALUE_BYTES) found++;
  return found;
}

async function getMany(snapshot: Snapshot, keys: readonly string[]): Promise<number> {
  let found = 0;
  for (let from = 0; from < keys.length; from += 100)
    for (const value of await snapshot.getMany(keys.slice(from, from + 100))) if (value) found++;
  return found;
}

async function walk(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found++;
  return found;
}

async function walkBatches(snapshot: Snapshot): Promise<number> {
  let found = 0;
  for await (const batch of snapshot.list().batches()) found += batch.length;
  return found;
}
