/**
 * That what was announced is what was carried: for each intent whose object is there, the record that decided it has
 * its committed transactions as they were announced, and none of them had read what had changed by then (FORMAT.md,
 * "Intents"). Whoever reads records alone can't see it: it rests on who makes them.
 */
import { isDeepStrictEqual } from 'node:util';
import { decodeValue, encodeValue } from '@holdfast/core';
import { NotInFormat } from './bytes.js';
import type { Announced, Mutated } from './intent-layout.js';
import { STAGED_STREAM } from './intent-rules.js';
import { covers, isGone, type Written } from './layer.js';
import type { Body, Decided, Write } from './layout.js';
import { placedIn, STREAM_LEVEL } from './manifest-rules.js';
import type { Model, Step } from './model.js';
import type { ReadSet } from './read-set.js';
import type { Readable } from './record-rules.js';
import { hex, type OpenedIntent, type World } from './world.js';

const COMMITTED = 0;
const VOID = 3;
type State = ReadonlyMap<string, readonly Written[]>;

/** @returns how many intents it has compared. @throws NotInFormat where one was carried as another. */
export function checkCarried(model: Model, intents: World['intents']): number {
  let compared = 0;
  for (let version = model.floor() + 1; version <= model.newest; version++) {
    const { body } = model.record(version);
    const taken = new Set<number>();
    for (const decided of body.decided) {
      if (Number(decided.version) !== version) continue;
      for (const { order } of decided.verdicts) {
        must(order === undefined || !taken.has(Number(order)), 'a transaction of two intents');
        if (order !== undefined) taken.add(Number(order));
      }
      const intent = intents.get(`int/${hex(decided.writerId)}/${decided.k}`);
      if (!intent || hex(intent.hash) !== hex(decided.hash)) continue;
      checkDecided(model, version, decided, intent);
      compared++;
    }
  }
  return compared;
}

function checkDecided(model: Model, version: number, decided: Decided, { k, content }: OpenedIntent): void {
  const parent = model.record(version - 1);
  must(k > 1 || Number(content.base) >= Number(parent.body.intentFloor), 'a first intent below the floor');
  must(Number(content.base) < version, 'an intent of a base to come');
  if (decided.verdicts.every(({ kind }) => kind === VOID)) return;
  must(decided.verdicts.length === content.transactions.length, 'a verdict more or less');
  const steps = [...model.steps(version)];
  for (const [i, { kind, order }] of decided.verdicts.entries())
    if (kind === COMMITTED)
      checkCommitted(model, model.record(version), content.transactions[i]!, steps[Number(order)]!);
}

function checkCommitted(model: Model, record: Readable, announced: Announced, { order, before }: Step): void {
  const found = record.body.transactions[order]!;
  const nowMs = Number(announced.nowMs);
  must(found.readVersion === announced.readVersion, 'a transaction of another read version');
  must(isDeepStrictEqual(found.ranges, announced.ranges), 'a transaction of other ranges');
  checkStaged(record, found, announced);
  const expected = announced.changes.map((change) =>
    'mutations' in change ? resolved(change, before, nowMs) : change,
  );
  must(isDeepStrictEqual(byKey(found.writes), byKey(expected)), 'a transaction of other writes');
  const readVersion = Number(announced.readVersion);
  if (readVersion > 0 && readVersion < model.floor()) return;
  const then = readVersion === 0 ? new Map() : model.written(readVersion);
  const [was, is] = [then, before].map((state) => seen(announced.reads, state, nowMs));
  must(was === is, `a transaction that had read what has changed: ${was}, then ${is}`);
}

/** Each key that a read set shows, and whose write it is. */
function seen({ points, ranges }: ReadSet, state: State, nowMs: number): string {
  const isRead = (key: Uint8Array): boolean =>
    points.some((point) => hex(point) === hex(key)) ||
    ranges.some(({ begin, end }) => (end ? covers({ begin, end }, key) : Buffer.compare(begin, key) <= 0));
  return [...state.values()]
    .flatMap(([write]) => (write && !isGone(write, nowMs) && isRead(write.key) ? [write] : []))
    .map(({ key, version, order }) => `${hex(key)} ${version}.${order}`)
    .sort()
    .join(', ');
}

function byKey(writes: readonly Write[]): unknown {
  return writes
    .map(({ key, form, expires, value }) => [hex(key), form, expires, value && hex(value)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** What mutations make of what is there. */
function resolved({ key, mutations }: Mutated, before: State, nowMs: number): Write {
  const [write] = before.get(hex(key)) ?? [];
  const found = write && !isGone(write, nowMs) ? write : undefined;
  let value = found && (decodeValue(found.value!) as number | bigint);
  for (const { kind, operand } of mutations) {
    const by = decodeValue(operand) as number | bigint;
    const isGreater = value !== undefined && by > value;
    if (value === undefined || (kind === 1 && isGreater) || (kind === 2 && !isGreater)) value = by;
    else if (kind === 0) value = (value as number) + (by as number);
  }
  const expires = found?.expires;
  return {
    key,
    form: expires === undefined ? 1 : 17,
    ...(expires === undefined ? {} : { expires }),
    value: encodeValue(value),
  };
}

function checkStaged(
  record: Readable,
  { bulkRun }: Body['transactions'][number],
  { staged, segments = [] }: Announced,
): void {
  const placed = placedIn(record).filter(({ each }) => bulkRun !== 0 && each.run === bulkRun);
  const isAtHome = placed.every(({ level }) => (level === STREAM_LEVEL) === (staged === STAGED_STREAM));
  const [found, expected] = [placed.map(({ each }) => each), segments].map((of) =>
    of.map(({ id }) => hex(id)).join(),
  );
  must(isAtHome && found === expected, 'a transaction of other segments');
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}
