/**
 * Programs over areas of a few numbered keys, where ranges are deleted and entries expire, amid reads, walks, blind
 * writes and additions.
 *
 * Invariants:
 * - What a program writes is settled when it is made; only what it reads is not, and the moments its own clock gives.
 * - One that writes leaves a mark that is never deleted: what this run read and wrote. The mark's stamp is its place.
 * - One that does not write leaves nothing, and has no request id.
 */
import type { Key, KeyRange } from '@holdfast/core';
import type { Transaction as EngineTransaction, Entry } from '@holdfast/mvcc';
import type { Found, KeySpan, RangeOperation } from '../check/range-history.js';
import type { Random } from '../world/random.js';
import type { Around, Program, ProgramSettings, Result, Run } from './program.js';

/** `field`: nothing in it ever expires, so that a watch can be compared too. `lease`: most of it does. */
export type Area = 'field' | 'lease';
export const AREAS: Readonly<Record<Area, 'ranges' | 'expiry'>> = { field: 'ranges', lease: 'expiry' };

type Step = (tx: EngineTransaction) => Promise<RangeOperation> | RangeOperation;

const BULK_VALUES = 3;
const BULK_BYTES = 190_000;
const READS = ['get', 'entry', 'many', 'has', 'scan', 'keys', 'count', 'first'] as const;

/** Keys of an area. */
export function widthOf({ keys }: Pick<ProgramSettings, 'keys'>): number {
  return keys + 2;
}

export function rangeProgram(id: number, area: Area, random: Random, settings: ProgramSettings): Program {
  const width = widthOf(settings);
  const writes = random.chance(0.85);
  const steps = Array.from({ length: 1 + random.below(5) }, (_, i) =>
    !writes || random.chance(0.45)
      ? readStep(area, width, random)
      : writeStep(area, width, random, id * 1_000 + i * 100),
  );
  // A large transaction's own writes lie in segments, its ranges in the record.
  const bulk = writes && random.chance(0.05);
  return {
    id,
    role: AREAS[area],
    certain: [],
    ...(writes ? {} : { nameless: true }),
    async body(tx, around): Promise<Result> {
      checkTime(tx, around);
      const operations: RangeOperation[] = [];
      for (const step of steps) {
        operations.push(await step(tx));
        await around.pause();
      }
      if (bulk)
        for (let i = 0; i < BULK_VALUES; i++) tx.set(['bulk', i], new Uint8Array(BULK_BYTES).fill(id));
      const run: Run = { readVersion: tx.readVersion, nowMs: tx.now.getTime(), operations };
      if (writes) tx.set(['mark', AREAS[area], id], run);
      return { operations: [], wrote: writes, run };
    },
  };
}

/** A run's time is its machine's clock as the run began. */
function checkTime(tx: EngineTransaction, { nowMs }: Around): void {
  if (!nowMs) return;
  const [found, expected] = [tx.now.getTime(), Math.floor(nowMs())];
  if (found !== expected)
    throw new Error(`A run began at ${expected} by its machine's clock, and has the time ${found}.`);
}

/** The same span is asked for in several ways. */
export function rangeOf(area: Area, { from, to }: KeySpan, width: number): KeyRange {
  if (from === 0 && to === width) return { prefix: [area] };
  if (to === from + 1) return { gte: [area, from], lte: [area, from] };
  if (from > 0 && from % 2 === 0) return { prefix: [area], gt: [area, from - 1], lt: [area, to] };
  return { gte: [area, from], lt: [area, to] };
}

export function spanOf(width: number, random: Random): KeySpan {
  if (random.chance(0.3)) return { from: 0, to: width };
  const from = random.below(width);
  return { from, to: from + 1 + random.below(width - from) };
}

export function foundOf({ key, value, expiresAt }: Entry): Found {
  return [key[1] as number, value as number, expiresAt?.getTime() ?? null];
}

function readStep(area: Area, width: number, random: Random): Step {
  const key = random.below(width);
  const at: Key = [area, key];
  const span = spanOf(width, random);
  const range = rangeOf(area, span, width);
  const reverse = random.chance(0.4);
  const limit = random.chance(0.3) ? 1 + random.below(3) : 0;
  const options = limit > 0 ? { reverse, limit } : { reverse };
  const scan = (found: Found[]): RangeOperation => ({ op: 'scan', ...span, reverse, limit, found });
  switch (random.pick(READS)) {
    case 'get':
    case 'has':
      return async (tx) => ({ op: 'has', key, there: await tx.has(at) });
    case 'entry':
      return async (tx) => {
        const entry = await tx.getEntry(at);
        return { op: 'get', key, found: entry ? foundOf(entry) : null };
      };
    case 'many':
      // All keys of the span, one by one: what a walk of it sees.
      return async (tx) => {
        const keys = Array.from({ length: span.to - span.from }, (_, i): Key => [area, span.from + i]);
        const [values, entries] = [
          await tx.getMany(keys),
          await Promise.all(keys.map((each) => tx.getEntry(each))),
        ];
        const found = entries.flatMap((entry) => (entry ? [foundOf(entry)] : []));
        if (values.some((value, i) => value !== entries[i]?.value))
          throw new Error(`getMany and getEntry disagree: ${JSON.stringify([values, entries])}.`);
        return { op: 'scan', ...span, reverse: false, limit: 0, found };
      };
    case 'scan':
      return async (tx) => {
        const found: Found[] = [];
        for await (const entry of tx.list(range, options)) found.push(foundOf(entry));
        return scan(found);
      };
    case 'keys':
      return async (tx) => {
        let count = 0;
        for await (const _ of tx.keys(range)) count++;
        return { op: 'count', ...span, count };
      };
    case 'count':
      return async (tx) => ({ op: 'count', ...span, count: await tx.count(range) });
    case 'first':
      return async (tx) => {
        const entry = await tx.first(range, { reverse });
        return { op: 'scan', ...span, reverse, limit: 1, found: entry ? [foundOf(entry)] : [] };
      };
  }
}

function writeStep(area: Area, width: number, random: Random, value: number): Step {
  const key = random.below(width);
  const at: Key = [area, key];
  const draw = random.fraction();
  const n = 1 + random.below(9);
  const span = spanOf(width, random);
  const set = setStep(area, key, value, random);
  if (draw < 0.4) return set;
  if (draw < 0.5)
    return (tx) => {
      tx.delete(at);
      return { op: 'delete', key };
    };
  if (draw < 0.65)
    return (tx) => {
      tx.add(at, n);
      return { op: 'add', key, n };
    };
  if (draw < 0.7)
    return (tx) => {
      tx.max(at, value);
      return { op: 'max', key, n: value };
    };
  return (tx) => {
    tx.deleteRange(rangeOf(area, span, width));
    return { op: 'deleteRange', ...span };
  };
}

/** Where the simulated clocks begin: they are minutes from it and from each other. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

function setStep(area: Area, key: number, value: number, random: Random): Step {
  const at: Key = [area, key];
  const form = area === 'field' ? 'stays' : random.pick(['stays', 'in', 'in', 'by its clock', 'by any']);
  const inMs = random.pick([1, 20, 1_000, 20_000, 300_000]);
  const aroundMs = Math.floor(random.between(-2_000, 60_000));
  const momentMs = EPOCH_MS + Math.floor(random.between(-300_000, 600_000));
  switch (form) {
    case 'in':
      return async (tx) => {
        tx.set(at, value, { expireInMs: inMs });
        const expiresMs = (await tx.getEntry(at))?.expiresAt?.getTime() ?? null;
        // Its time has a fraction of a millisecond, which `now` does not show.
        const early = tx.now.getTime() + inMs;
        if (expiresMs !== early && expiresMs !== early + 1)
          throw new Error(`What expires in ${inMs} ms from ${tx.now.getTime()} expires at ${expiresMs}.`);
        return { op: 'set', key, value, expiresMs };
      };
    // Some of them have expired already.
    case 'by its clock':
      return (tx) => {
        const expiresMs = tx.now.getTime() + aroundMs;
        tx.set(at, value, { expireAt: expiresMs });
        return { op: 'set', key, value, expiresMs };
      };
    case 'by any':
      return (tx) => {
        tx.set(at, value, { expireAt: new Date(momentMs) });
        return { op: 'set', key, value, expiresMs: momentMs };
      };
    default:
      return (tx) => {
        tx.set(at, value);
        return { op: 'set', key, value, expiresMs: null };
      };
  }
}

/**
 * Deletes all balances and writes back those that are not as at the beginning: whoever sums them up while it happens
 * sees all of it or nothing.
 */
export async function sweepAccounts(
  tx: EngineTransaction,
  { pause }: Around,
  start: number,
): Promise<boolean> {
  const balances = new Map<Key, number>();
  for await (const { key, value } of tx.list<number>({ prefix: ['account'] })) balances.set(key, value);
  await pause();
  tx.deleteRange({ prefix: ['account'] });
  for (const [key, value] of balances) if (value !== start) tx.set(key, value);
  return true;
}
