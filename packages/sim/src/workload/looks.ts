/**
 * Reads of an area outside of transactions: the newest state, a snapshot that is held for a while, the past, what is
 * different between two versions, a watch.
 */
import type { Database, ReadOptions } from '@holdfast/mvcc';
import type { Clock } from '@holdfast/object-store';
import type { Found, KeySpan, RangeOperation, RangeReader } from '../check/range-history.js';
import type { Random } from '../world/random.js';
import { type Area, foundOf, rangeOf, spanOf } from './ranges.js';

/** All but what its client knows. */
export type Look = Pick<RangeReader, 'operations' | 'readVersion' | 'exact' | 'nowMs' | 'past'>;

/** One change, as a watch told it. */
export interface FieldChange {
  readonly version: number;
  readonly key: number;
  readonly value: number | undefined;
  readonly previous: number | undefined;
}

/** What differs between two versions, each by the clock of its writer. */
export interface AreaDiff {
  readonly area: Area;
  readonly from: Moment;
  readonly to: Moment;
  readonly span: KeySpan;
  readonly told: readonly Omit<FieldChange, 'version'>[];
}

export interface Moment {
  readonly version: number;
  readonly nowMs: number;
}

export interface LookOptions {
  readonly area: Area;
  readonly width: number;
  readonly random: Random;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

type Reads = Pick<Database, 'list' | 'count'>;

const HOLD_MS_MAX = 30_000;

export async function lookAt(db: Database, options: LookOptions): Promise<Look> {
  const { random, clock, signal } = options;
  const draw = random.fraction();
  // A read's time, and a snapshot's, is the clock at the call.
  const nowMs = clock.now();
  const time = { nowMs: [nowMs, nowMs] } as const;
  if (draw < 0.4) {
    const read = random.chance(0.5) ? walk : count;
    return { ...time, operations: [await read(db, options)], readVersion: 0, exact: false };
  }
  if (draw < 0.8) {
    const snapshot = await db.snapshot({ signal });
    const operations = [await walk(snapshot, options)];
    await clock.sleep(random.between(0, HOLD_MS_MAX), signal);
    operations.push(await walk(snapshot, options), await count(snapshot, options));
    return { ...time, operations, readVersion: snapshot.version, exact: true };
  }
  const { version } = await db.snapshot({ signal });
  const past = await db.snapshot({ at: 1 + random.below(version), signal });
  return {
    // By the clock of the one who wrote it.
    nowMs: [past.time.getTime(), past.time.getTime()],
    operations: [await walk(past, options), await count(past, options)],
    readVersion: past.version,
    exact: true,
    past: true,
  };
}

/** All of an area, at a strong read of its own. */
export async function lookAtAll(
  db: Database,
  options: Pick<LookOptions, 'area' | 'width' | 'clock'>,
): Promise<Look> {
  const { area, width, clock } = options;
  const nowMs = clock.now();
  const found: Found[] = [];
  for await (const entry of db.list({ prefix: [area] })) found.push(foundOf(entry));
  const operation: RangeOperation = { op: 'scan', from: 0, to: width, reverse: false, limit: 0, found };
  return { operations: [operation], nowMs: [nowMs, nowMs], readVersion: 0, exact: false };
}

async function walk(reads: Reads, { area, width, random, signal }: LookOptions): Promise<RangeOperation> {
  const span = spanOf(width, random);
  const reverse = random.chance(0.4);
  const limit = random.chance(0.3) ? 1 + random.below(3) : 0;
  const found: Found[] = [];
  const range = { ...rangeOf(area, span, width), reverse, ...(limit > 0 ? { limit } : {}) };
  for await (const entry of reads.list(range, signalled(signal))) found.push(foundOf(entry));
  return { op: 'scan', ...span, reverse, limit, found };
}

async function count(reads: Reads, { area, width, random, signal }: LookOptions): Promise<RangeOperation> {
  const span = spanOf(width, random);
  return { op: 'count', ...span, count: await reads.count(rangeOf(area, span, width), signalled(signal)) };
}

function signalled(signal: AbortSignal | undefined): ReadOptions {
  return signal === undefined ? {} : { signal };
}

/** Forwards or back, over any number of versions. */
export async function compare(db: Database, options: LookOptions): Promise<AreaDiff> {
  const { area, width, random, signal } = options;
  const { version } = await db.snapshot({ signal });
  const [from, to] = [
    await db.snapshot({ at: 1 + random.below(version), signal }),
    await db.snapshot({ at: 1 + random.below(version), signal }),
  ];
  const span = spanOf(width, random);
  const told: AreaDiff['told'][number][] = [];
  for await (const { key, value, previous } of from.diff<number>(to, rangeOf(area, span, width)))
    told.push({ key: key[1] as number, value, previous });
  const momentOf = ({ version, time }: typeof from): Moment => ({ version, nowMs: time.getTime() });
  return { area, from: momentOf(from), to: momentOf(to), span, told };
}

/** Follows the area in which nothing expires. */
export async function follow(
  db: Database,
  from: number | undefined,
  forMs: number,
  { clock, signal }: Pick<LookOptions, 'clock' | 'signal'>,
): Promise<FieldChange[]> {
  const stop = new AbortController();
  // It may have been aborted while the database was being opened.
  if (signal?.aborted) stop.abort();
  signal?.addEventListener('abort', () => stop.abort(), { once: true, signal: stop.signal });
  clock.sleep(forMs).then(() => stop.abort());
  const changes: FieldChange[] = [];
  const watching = db.watch<number>({ prefix: ['field'] }, { from, signal: stop.signal, pollMs: 500 });
  for await (const { version, key, value, previous } of watching)
    changes.push({ version, key: key[1] as number, value, previous });
  return changes;
}
