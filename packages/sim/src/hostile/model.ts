/**
 * What a rebuilt database says, read slowly from FORMAT.md: the state of each version, or where it contradicts
 * itself. The readable twin that the engine's answers are compared with. What a value's or a key's bytes mean is left
 * to the engine's own decoders, which are tested elsewhere.
 */
import { isDeepStrictEqual } from 'node:util';
import { type CompactRange, decodeKey, decodeValue } from '@holdfast/core';
import { formatVersionstamp, StreamValue } from '@holdfast/mvcc';
import { NotInFormat } from './bytes.js';
import {
  carriedBy,
  covers,
  isAmbiguous,
  isGone,
  type Layer,
  laid,
  layerOf,
  ownOf,
  type Stamp,
  type Written,
  writtenOf,
} from './layer.js';
import type { Body, Listed } from './layout.js';
import { checkBulkRun, type Placed, placedIn, STREAM_LEVEL } from './manifest-rules.js';
import { PART, readStream } from './nested.js';
import { checkOwn } from './own-entries.js';
import type { Rebuilt, SaidSegment } from './rebuild.js';
import { checkAnchored, checkFollows, checkRecord, type Readable } from './record-rules.js';
import { type Holding, heldBy } from './segment-rules.js';
import { digestOf, lineOf, streamLine } from './truth.js';
import { hex, historiesOf } from './world.js';

/** What may be answered for each user key, by the key in hex: lines, and undefined for "not there". */
export type Said = ReadonlyMap<string, readonly (string | undefined)[]>;

/** One transaction of a record. */
export interface Step {
  readonly order: number;
  /** What counts of each key before it, by the key in hex. */
  readonly before: ReadonlyMap<string, readonly Written[]>;
  readonly layer: Layer;
}

/** By the manifest entry itself: wherever a segment is changed, so is each entry that names it. */
const holdings = new WeakMap<Listed, Holding>();

export class Model {
  readonly #rebuilt: Rebuilt;
  readonly #segments: (id: string) => SaidSegment | undefined;
  #histories: readonly CompactRange[] | undefined;

  /** @param honest what the unchanged segments say. */
  constructor(rebuilt: Rebuilt, honest: ReadonlyMap<string, SaidSegment>) {
    this.#rebuilt = rebuilt;
    this.#segments = (id) => rebuilt.segments.get(id) ?? honest.get(id);
  }

  get newest(): number {
    return this.#rebuilt.records.length;
  }

  /** @throws NotInFormat where it can't be read. */
  record(version: number): Readable {
    const record = this.#rebuilt.records[version - 1];
    if (!record?.clear || !record.body) throw new NotInFormat(`record ${version} can't be read`);
    return record as Readable;
  }

  /** The oldest version that is retained. */
  floor(): number {
    return Number(this.record(this.newest).clear.floor);
  }

  /**
   * @param read the versions whose states are read. @param watched the one whose changes are.
   * @throws NotInFormat where anything that is retained contradicts FORMAT.md or the rest.
   */
  check(read: Iterable<number>, watched: number): void {
    const listings = new Map<string, Omit<Listed, 'run'>>();
    for (let version = Math.min(this.floor(), this.newest); version <= this.newest; version++) {
      this.#checkRecord(version);
      for (const { each } of this.#placed(version)) {
        this.#held(each);
        // It may move, and is the same.
        const { run: _, ...said } = each;
        const known = listings.get(hex(each.id));
        if (known && !isDeepStrictEqual(known, said))
          throw new NotInFormat('a segment of which two things are said');
        listings.set(hex(each.id), said);
      }
    }
    for (const version of read) {
      if (version < this.floor()) continue;
      this.state(version);
      this.streams(version);
    }
    if (watched > this.floor()) this.changes(watched);
  }

  #checkRecord(version: number): void {
    const record = this.record(version);
    checkRecord(record, this.#rebuilt.records);
    if (version > this.floor()) {
      checkFollows(this.record(version - 1), record);
      this.#histories ??= historiesOf(this.#rebuilt.records.map(({ hash }) => hash));
      const said = record.clear.history.map(hex).join();
      if (said !== this.#histories[version - 1]!.hashes.map(hex).join())
        throw new NotInFormat('another history');
    }
    for (const [order, { bulkRun }] of record.body.transactions.entries())
      if (bulkRun !== 0) checkBulkRun(version, order, bulkRun, this.#placed(version));
  }

  #placed(version: number): Placed[] {
    return placedIn(this.record(version));
  }

  /** Every write and range that the state at `version` is made of. */
  *#layers(version: number): Generator<Layer> {
    const record = this.record(version);
    yield ownOf(record);
    yield carriedBy(record);
    const isAbove = (stamp: Stamp): boolean => stamp.version > Number(record.clear.flushedThrough);
    for (const { version: at } of record.body.holders) {
      const holder = this.record(Number(at));
      for (const { writes, ranges } of [ownOf(holder), carriedBy(holder)])
        yield { writes: writes.filter(isAbove), ranges: ranges.filter(isAbove) };
    }
    for (const { level, each } of this.#placed(version))
      if (level !== STREAM_LEVEL) yield layerOf(this.#held(each));
  }

  #held(each: Listed): Holding {
    let holding = holdings.get(each);
    if (holding === undefined) {
      holding = heldBy(this.#segments(hex(each.id)), each);
      holdings.set(each, holding);
    }
    return holding;
  }

  /** The clock of a record's writer. */
  clockOf(version: number): number {
    const { timeMs, behindMs } = this.record(version).body;
    return Number(timeMs) - Number(behindMs);
  }

  /**
   * Each key with what counts of it, by the key in hex, expired or not: more than one where two have one stamp.
   */
  written(version: number): Map<string, readonly Written[]> {
    return laid(this.#layers(version));
  }

  /**
   * @param nowMs whose clock decides what has expired.
   * @throws NotInFormat also where a user's key or value, or one of the engine's entries, can't be decoded.
   */
  state(version: number, nowMs: number = this.clockOf(version)): Said {
    const said = new Map<string, (string | undefined)[]>();
    for (const candidates of this.written(version).values()) {
      const [{ key }] = candidates as [Written];
      if (key[0] === 0 && version === this.newest) for (const { value } of candidates) checkOwn(key, value);
      // Of what is not there, nobody decodes the key.
      if (key[0] !== 1 || candidates.every((each) => isGone(each, nowMs))) continue;
      const tuple = orNot(() => decodeKey(key.subarray(1)));
      const lines = candidates.map((candidate) => {
        const { value, version: at, order } = candidate;
        if (value === undefined || isGone(candidate, nowMs)) return undefined;
        const versionstamp = formatVersionstamp({ version: at, order });
        return lineOf({ key: tuple, value: shownOf(candidate), versionstamp });
      });
      said.set(hex(key.subarray(1)), lines);
    }
    return said;
  }

  /** What `streamsOf` finds. Undefined: two writes have one stamp, and either may count. */
  streams(version: number, nowMs: number = this.clockOf(version)): string[] | undefined {
    const written = [...this.written(version).values()];
    if (written.some(isAmbiguous)) return undefined;
    return written
      .flatMap(([write]) =>
        write!.isStream && write!.key[0] === 1 && !isGone(write!, nowMs) ? [write!] : [],
      )
      .map(({ key, value }) => streamLine(hex(key.subarray(1)), [this.stream(version, key, value!)]))
      .sort();
  }

  /** The bytes of a stream, put together. @param value its descriptor, as it counts at `version`. */
  stream(version: number, key: Uint8Array, value: Uint8Array): Uint8Array {
    const { length, parts } = readStream(value);
    const placed = this.#placed(version).filter(({ level }) => level === STREAM_LEVEL);
    const bytes = parts.map((id, i) => {
      const part = placed.find(({ each }) => hex(each.id) === hex(id));
      if (!part) throw new NotInFormat('a part that is not in the manifest');
      const [entry] = this.#held(part.each).entries;
      if (hex(entry!.key) !== hex(key)) throw new NotInFormat('a part of another stream');
      const isValue = [1, 2].includes(Number(entry!.kind));
      if (!isValue || entry!.value!.length !== Math.min(PART, length - i * PART))
        throw new NotInFormat('a part of another length');
      return entry!.value!;
    });
    return new Uint8Array(Buffer.concat(bytes));
  }

  /**
   * That each state is the one before it with what its record did, wherever that lies by then: in a carry, with a
   * holder, in segments that were flushed or compacted; and that what was anchored is there.
   */
  checkContinuity(): void {
    for (let version = this.floor() + 1; version <= this.newest; version++) {
      checkAnchored(this.record(version), this.#rebuilt.records);
      const nowMs = this.clockOf(version);
      const before = [...this.written(version - 1).values()].flat();
      const expected = laid([{ writes: before, ranges: [] }, ...this.#changeOf(version)]);
      const [found, wanted] = [this.written(version), expected].map((state) => visible(state, nowMs));
      if (found !== wanted)
        throw new NotInFormat(
          `version ${version} is not what was written: expected ${wanted}, found ${found}`,
        );
    }
  }

  /** What a record itself did. */
  *#changeOf(version: number): Generator<Layer> {
    const record = this.record(version);
    yield ownOf(record);
    const runs = new Set(record.body.transactions.map(({ bulkRun }) => bulkRun));
    for (const { level, each } of this.#placed(version))
      if (level !== STREAM_LEVEL && runs.has(each.run)) yield layerOf(this.#held(each));
  }

  /**
   * What a watcher is told of `version`, in order: each transaction's deleted ranges as the keys that were there, then
   * what it wrote, each with what was there before. Undefined: two writes have one stamp, and either may have counted.
   */
  changes(version: number): string[] | undefined {
    const nowMs = this.clockOf(version);
    const lines: string[] = [];
    for (const { order, before, layer } of this.steps(version)) {
      if ([...before.values()].some(isAmbiguous)) return undefined;
      const previousOf = (key: Uint8Array): Written | undefined => {
        const found = before.get(hex(key))?.[0];
        return found && !isGone(found, nowMs) ? found : undefined;
      };
      const tell = (write: Written): void => {
        if (write.key[0] !== 1) return;
        const key = orNot(() => decodeKey(write.key.subarray(1)));
        const versionstamp = formatVersionstamp({ version, order });
        const [value, previous] = [write, previousOf(write.key)].map(shownOf);
        lines.push(`${lineOf({ key, value, versionstamp })} ${digestOf(previous)}`);
      };
      const own = new Set(layer.writes.map(({ key }) => hex(key)));
      const there = [...before].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, [write]]) => write!);
      for (const range of layer.ranges)
        for (const write of there)
          if (covers(range, write.key) && previousOf(write.key) && !own.has(hex(write.key)))
            tell({ ...write, value: undefined });
      for (const write of layer.writes) tell(write);
    }
    return lines;
  }

  /** The transactions of a record: what each was laid on, and what it did. */
  *steps(version: number): Generator<Step> {
    let before = this.written(version - 1);
    for (const [order, transaction] of this.record(version).body.transactions.entries()) {
      const layer = this.#layerOf(version, order, transaction);
      yield { order, before, layer };
      before = laid([{ writes: [...before.values()].flat(), ranges: [] }, layer]);
    }
  }

  /** What one transaction did, in its record and in its run. */
  #layerOf(version: number, order: number, { ranges, writes, bulkRun }: Body['transactions'][number]): Layer {
    const runs = this.#placed(version).filter(
      ({ level, each }) => level !== STREAM_LEVEL && bulkRun !== 0 && each.run === bulkRun,
    );
    const inRun = runs.flatMap(({ each }) => layerOf(this.#held(each)).writes);
    return {
      writes: [...writes.map(writtenOf), ...inRun].map((write) => ({ ...write, version, order })),
      ranges: ranges.map((range) => ({ ...range, version, order })),
    };
  }
}

/** What a read by key shows. */
function shownOf(write: Written | undefined): unknown {
  if (write?.value === undefined) return undefined;
  const { value, isStream } = write;
  return isStream ? new StreamValue(readStream(value).length) : orNot(() => decodeValue(value));
}

/** What is there, in words. */
function visible(state: ReadonlyMap<string, readonly Written[]>, nowMs: number): string {
  return [...state]
    .filter(([, [write]]) => !isGone(write!, nowMs))
    .map(([key, [write]]) => {
      const { version, order, value, isStream, expires } = write!;
      return [key, version, order, isStream, expires, hex(value!)].join(' ');
    })
    .sort()
    .join('; ');
}

function orNot<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new NotInFormat(String(error));
  }
}
