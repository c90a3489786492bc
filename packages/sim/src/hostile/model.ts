/**
 * What a rebuilt database says, read slowly from FORMAT.md: the state of each version, or where it contradicts
 * itself. The readable twin that the engine's answers are compared with. What a value's or a key's bytes mean is left
 * to the engine's own decoders, which are tested elsewhere.
 */
import { decodeKey, decodeValue, leafHash, merkleRoot } from '@holdfast/core';
import { formatVersionstamp, StreamValue } from '@holdfast/mvcc';
import { NotInFormat, type Num, Take } from './bytes.js';
import { type Extension, type Held, type Listed, type Meta, PIECE, readBlock } from './layout.js';
import type { Rebuilt, SaidRecord, SaidSegment } from './rebuild.js';
import { lineOf } from './truth.js';
import { hex, sha256 } from './world.js';

/** A write, wherever it lies. */
interface Candidate {
  readonly key: Uint8Array;
  readonly version: number;
  readonly order: number;
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** The value is a descriptor. */
  readonly stream: boolean;
  /** When it begins to read as absent. */
  readonly expires?: number | undefined;
}

/** What may be answered for each user key, by the key in hex: lines, and undefined for "not there". */
export type Said = ReadonlyMap<string, readonly (string | undefined)[]>;

const REQUEST = 'request';
const CHECKPOINT = 'checkpoint';
const SESSION = 'session';

/** FORMAT.md, "Streams". */
const STREAM_LEVEL = 255;
const PART_BYTES = 8_388_608;
const STREAM_BYTES_MAX = 5 * 1024 ** 3;

/** By the manifest entry itself: wherever a segment is changed, so is each entry that names it. */
const heldEntries = new WeakMap<Listed, readonly Held[]>();

export class Model {
  readonly #rebuilt: Rebuilt;
  readonly #segments: (id: string) => SaidSegment | undefined;

  /** @param honest what the unchanged segments say. */
  constructor(rebuilt: Rebuilt, honest: ReadonlyMap<string, SaidSegment>) {
    this.#rebuilt = rebuilt;
    this.#segments = (id) => rebuilt.segments.get(id) ?? honest.get(id);
  }

  get newest(): number {
    return this.#rebuilt.records.length;
  }

  #record(version: number): SaidRecord & { clear: object; body: object } {
    const record = this.#rebuilt.records[version - 1];
    if (!record?.clear || !record.body) throw new NotInFormat(`record ${version} can't be read`);
    return record as SaidRecord & { clear: object; body: object };
  }

  /** The oldest version that is retained. */
  floor(): number {
    return Number(this.#record(this.newest).clear.floor);
  }

  /**
   * @param read the versions whose states are read. @param watched the one whose changes are.
   * @throws NotInFormat where anything that is retained contradicts FORMAT.md or the rest.
   */
  check(read: Iterable<number>, watched: number): void {
    for (let version = Math.min(this.floor(), this.newest); version <= this.newest; version++) {
      this.#checkRecord(version);
      for (const listed of this.#record(version).pages) for (const each of listed!) this.#held(each);
    }
    for (const version of read) if (version >= this.floor()) this.state(version);
    if (watched > this.floor()) this.changes(watched);
  }

  #checkRecord(version: number): void {
    const { clear, body, pages } = this.#record(version);
    const flushed = Number(clear.flushedThrough);
    const floor = Number(clear.floor);
    const parent = this.#rebuilt.records[version - 2];
    expect(!parent || same(clear.parent, parent.hash), 'another parent');
    const tiled = Number(clear.tiledThrough);
    expect(tiled % 256 === 0 && tiled < version, 'tiledThrough');
    if (parent?.clear && parent.body && version > this.floor()) {
      const before = parent.clear;
      expect(clear.graceMs === before.graceMs, 'another grace period');
      expect(body.timeMs >= parent.body.timeMs, 'a time that goes back');
      for (const field of ['floor', 'flushedThrough', 'tiledThrough'] as const)
        expect(clear[field] >= before[field], `${field} that goes back`);
    }
    expect(body.behindMs <= body.timeMs, 'a clock before 1970');
    checkExtensions(clear.extensions);
    // Not used by any writer yet, and refused by the engine.
    expect(
      body.carriedRanges.length === 0 && body.transactions.every(({ ranges }) => ranges.length === 0),
      'range tombstones',
    );
    expect(body.intentFloor === 0 && body.decided.length === 0, 'intents');
    expect(flushed < version && floor >= 1 && floor <= version, 'flushedThrough or floor');
    for (const { readVersion } of body.transactions) expect(Number(readVersion) < version, 'a read version');
    let from = flushed;
    for (const holder of body.holders) {
      const at = Number(holder.version);
      expect(at > from && at < version, 'a holder out of place');
      expect(same(this.#rebuilt.records[at - 1]!.hash, holder.hash), 'a holder that is another record');
      from = at;
    }
    for (const { above } of body.carried)
      expect(Number(above) > 0 && from + Number(above) < version, 'a carried version');
    const hashes = clear.pages.map(({ inline, hash }) => (inline ? leafHash(sha256, inline) : hash));
    expect(same(merkleRoot(sha256, hashes), clear.manifestRoot), 'another manifest root');
    expect(pages.length === clear.pages.length, 'a page more or less');
    for (const [i, { level, inline }] of clear.pages.entries()) {
      expect(i === 0 || level >= clear.pages[i - 1]!.level, 'levels that do not ascend');
      expect(!inline || (i === 0 && level === 0), 'an inline page out of place');
    }
    const runs = new Set<number>();
    for (const [i, listed] of pages.entries()) {
      if (!listed) throw new NotInFormat('a page that is not in the format');
      for (const each of listed) {
        if (Number(clear.pages[i]!.level) === STREAM_LEVEL)
          expect(
            each.entries === 1 && each.tombstones === 0 && same(each.firstKey, each.lastKey),
            'a part of a stream that is none',
          );
        runs.add(Number(each.run));
        expect(each.ranges === 0, 'range tombstones');
        expect(Number(each.maxVersion) <= version, 'a segment from the future');
      }
    }
    for (const { bulkRun } of body.transactions)
      expect(bulkRun === 0 || runs.has(Number(bulkRun)), 'a run that is not there');
  }

  /** Every write that the state at `version` is made of. */
  *#candidates(version: number): Generator<Candidate> {
    const { clear, body, pages } = this.#record(version);
    const flushed = Number(clear.flushedThrough);
    const ofRecord = function* (record: SaidRecord): Generator<Candidate> {
      const of = record.body!;
      const from = Number(of.holders.at(-1)?.version ?? record.clear!.flushedThrough);
      for (const [order, { writes }] of of.transactions.entries())
        for (const { key, form, value, expires } of writes)
          yield {
            key,
            value,
            stream: isStreamForm(form),
            version: record.version,
            order,
            expires: numberOf(expires),
          };
      for (const { key, form, value, above, order, expires } of of.carried)
        yield {
          key,
          value,
          stream: isStreamForm(form),
          version: from + Number(above),
          order: Number(order),
          expires: numberOf(expires),
        };
    };
    yield* ofRecord(this.#record(version));
    for (const { version: at } of body.holders)
      for (const candidate of ofRecord(this.#record(Number(at))))
        if (candidate.version > flushed) yield candidate;
    for (const [i, listed] of pages.entries()) {
      // Parts of streams are no writes.
      if (Number(clear.pages[i]!.level) === STREAM_LEVEL) continue;
      for (const each of listed!)
        for (const { key, kind, version: own, order, value, expires } of this.#held(each)) {
          const stamp =
            own === 0
              ? { version: Number(each.stampVersion), order: Number(each.stampOrder) }
              : { version: Number(own), order: Number(order) };
          yield { key, value, stream: isStreamKind(kind), ...stamp, expires: numberOf(expires) };
        }
    }
  }

  #held(each: Listed): readonly Held[] {
    let entries = heldEntries.get(each);
    if (entries === undefined) {
      const segment = this.#segments(hex(each.id));
      if (!segment?.meta) throw new NotInFormat('a segment without its meta chunk');
      entries = heldBy(segment, segment.meta, each);
      heldEntries.set(each, entries);
    }
    return entries;
  }

  /** The clock of a record's writer. */
  clockOf(version: number): number {
    const { timeMs, behindMs } = this.#record(version).body;
    return Number(timeMs) - Number(behindMs);
  }

  /**
   * @param nowMs whose clock decides what has expired.
   * @throws NotInFormat also where a user's key or value, or one of the engine's entries, can't be decoded.
   */
  state(version: number, nowMs: number = this.clockOf(version)): Said {
    const best = new Map<string, Candidate[]>();
    for (const candidate of this.#candidates(version)) {
      const key = hex(candidate.key);
      const known = best.get(key);
      const newer = known ? candidate.version - known[0]!.version || candidate.order - known[0]!.order : 1;
      if (newer > 0) best.set(key, [candidate]);
      else if (newer === 0) known!.push(candidate);
    }
    const said = new Map<string, (string | undefined)[]>();
    for (const candidates of best.values()) {
      const [{ key }] = candidates as [Candidate];
      if (key[0] === 0 && version === this.newest) for (const { value } of candidates) checkOwn(key, value);
      // Of what is not there, nobody decodes the key.
      const isGone = ({ value, expires }: Candidate): boolean =>
        value === undefined || (expires !== undefined && expires <= nowMs);
      if (key[0] !== 1 || candidates.every(isGone)) continue;
      const tuple = orNot(() => decodeKey(key.subarray(1)));
      if (version === this.newest && candidates.length === 1) this.#checkParts(candidates[0]!);
      const lines = candidates.map((candidate) => {
        const { value, version: at, order } = candidate;
        if (value === undefined || isGone(candidate)) return undefined;
        const versionstamp = formatVersionstamp({ version: at, order });
        return lineOf({ key: tuple, value: shownOf(value, candidate.stream), versionstamp });
      });
      said.set(hex(key.subarray(1)), lines);
    }
    return said;
  }

  /** Whether the newest manifest has what a stream names: older ones are looked at by who reads their streams. */
  #checkParts({ key, value, stream }: Candidate): void {
    if (!stream || value === undefined) return;
    const { clear, pages } = this.#record(this.newest);
    const parts = pages.flatMap((listed, i) =>
      Number(clear.pages[i]!.level) === STREAM_LEVEL ? listed! : [],
    );
    for (const id of descriptorOf(value).parts) {
      const part = parts.find((each) => same(each.id, id));
      expect(part !== undefined && same(part.firstKey, key), 'a stream without its parts');
    }
  }

  /** What `version` wrote, as keys and versionstamps and values, in the order a watcher is told. */
  changes(version: number): string[] {
    const { clear, body, pages } = this.#record(version);
    const lines: string[] = [];
    const add = (key: Uint8Array, order: number, value: Uint8Array | undefined, stream: boolean): void => {
      if (key[0] !== 1) return;
      const versionstamp = formatVersionstamp({ version, order });
      const decoded = value && shownOf(value, stream);
      lines.push(lineOf({ key: orNot(() => decodeKey(key.subarray(1))), value: decoded, versionstamp }));
    };
    for (const [order, { writes, bulkRun }] of body.transactions.entries()) {
      for (const { key, form, value } of writes) add(key, order, value, isStreamForm(form));
      if (bulkRun === 0) continue;
      const searched = pages.filter((_, i) => Number(clear.pages[i]!.level) !== STREAM_LEVEL);
      for (const each of searched.flatMap((listed) => listed!.filter(({ run }) => run === bulkRun)))
        for (const { key, kind, value } of this.#held(each)) add(key, order, value, isStreamKind(kind));
    }
    return lines;
  }
}

/** A segment's entries, large values put together; all that `verify` would find is checked. */
function heldBy(segment: SaidSegment, meta: Meta, each: Listed): Held[] {
  const { blocks } = meta;
  expect(segment.isFramed, 'a table or footer that lies');
  expect(
    each.bytes === segment.bytes && each.metaBytes === segment.metaBytes && same(each.root, segment.root),
    'another segment',
  );
  expect(each.epoch === segment.epoch, 'another epoch');
  const entries: Held[] = [];
  let piece = 0;
  for (const [i, { chunk, firstKey }] of blocks.entries()) {
    const at = Number(chunk);
    expect(at >= piece && at < segment.chunks.length, 'a block out of place');
    const held = readBlock(segment.chunks[at]!);
    expect(held.length > 0 && same(held[0]!.key, firstKey), `block ${i} begins with another key`);
    for (const entry of held) {
      const before = entries.at(-1);
      expect(!before || Buffer.compare(before.key, entry.key) < 0, 'keys out of order');
      expect(mayContain(meta, entry.key), 'a filter that does not know a key');
      if (isStreamKind(entry.kind)) descriptorOf(entry.value!);
      if (Number(entry.kind) % 16 !== 2) {
        entries.push(entry);
        continue;
      }
      const [length, first] = [Number(entry.length), Number(entry.firstChunk)];
      const end = first + Math.ceil(length / PIECE);
      expect(length > PIECE && first === piece && end <= at, 'a value without its pieces');
      const pieces = segment.chunks.slice(first, end);
      expect(
        pieces.every((p, k) => p.length === Math.min(PIECE, length - k * PIECE)),
        'a piece of another size',
      );
      entries.push({ ...entry, value: new Uint8Array(Buffer.concat(pieces)) });
      piece = end;
    }
    expect(piece === at, 'a chunk that nothing refers to');
    piece = at + 1;
  }
  expect(blocks.length > 0 && piece === segment.chunks.length, 'chunks behind the last block');
  const own = entries.map(({ version }) => Number(version)).filter((version) => version !== 0);
  const stamp = Number(each.stampVersion);
  expect(
    stamp !== 0 || (own.length === entries.length && each.stampOrder === 0),
    'entries without a version',
  );
  const all = stamp === 0 ? own : [...own, stamp];
  const bounds = [Math.min(...all), Math.max(...all)];
  expect(bounds[0] === each.minVersion && bounds[1] === each.maxVersion, 'a range of versions that lies');
  expect(
    (own.length === 0 ? 0 : Math.min(...own)) === meta.minVersion || stamp === bounds[0],
    'a range of own versions that lies',
  );
  expect((own.length === 0 ? 0 : Math.max(...own)) === meta.maxVersion || stamp === bounds[1], 'likewise');
  expect(
    meta.earliestExpiry === each.earliestExpiry && meta.ranges.length === Number(each.ranges),
    'an expiry or ranges that lie',
  );
  const expiries = entries.flatMap(({ expires }) => (expires === undefined ? [] : [Number(expires)]));
  expect(
    (expiries.length === 0 ? 0 : Math.min(...expiries)) === Number(each.earliestExpiry),
    'another earliest expiry',
  );
  const tombstones = entries.filter(({ kind }) => kind === 0).length;
  for (const said of [meta, each])
    expect(said.entries === entries.length && said.tombstones === tombstones, 'a count that lies');
  expect(
    same(each.firstKey, entries[0]!.key) &&
      same(each.lastKey, entries.at(-1)!.key) &&
      same(meta.lastKey, each.lastKey),
    'a range of keys that lies',
  );
  return entries;
}

const isStreamForm = (form: Num): boolean => Number(form) % 16 === 2;
const isStreamKind = (kind: Num): boolean => Number(kind) % 16 === 3;

/** What users see of a value. */
function shownOf(value: Uint8Array, stream: boolean): unknown {
  return stream ? new StreamValue(descriptorOf(value).length) : orNot(() => decodeValue(value));
}

/** FORMAT.md, "Streams". */
function descriptorOf(value: Uint8Array): { readonly length: number; readonly parts: readonly Uint8Array[] } {
  const take = new Take(value);
  const length = Number(take.varint());
  const count = Number(take.varint());
  expect(length <= STREAM_BYTES_MAX && count === Math.ceil(length / PART_BYTES), 'a stream in other parts');
  expect(take.left === 24 * count, 'a descriptor of another length');
  const parts = Array.from({ length: count }, () => take.raw(24));
  return { length, parts };
}

/** FORMAT.md, "Meta chunk". */
function mayContain({ probes, filter }: Meta, key: Uint8Array): boolean {
  const k = Number(probes);
  if (k === 0 || filter.length === 0) return false;
  const fnv = (basis: number): number =>
    key.reduce((h, byte) => Math.imul(h ^ byte, 0x01000193) >>> 0, basis);
  const [h1, h2] = [fnv(0x811c9dc5), (fnv(0x9747b28c) | 1) >>> 0];
  for (let i = 0; i < k; i++) {
    const bit = ((h1 + i * h2) % 2 ** 32) % (filter.length * 8);
    if ((filter[bit >> 3]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** FORMAT.md: a request's entry is `{ digest, result }` or `{ closed: true }`, a session's `{ settled, requests }`, a checkpoint's `{ version, timeMs }`. */
function checkOwn(key: Uint8Array, value: Uint8Array | undefined): void {
  if (value === undefined) return;
  let tuple: readonly unknown[];
  try {
    tuple = decodeKey(key.subarray(1));
  } catch {
    // Nobody's: it is in none of the ranges that are read.
    return;
  }
  const [kind, name, ...more] = tuple;
  if (kind !== CHECKPOINT && kind !== REQUEST && kind !== SESSION) return;
  // Nobody can ask for it, and only checkpoints are listed.
  if (kind !== CHECKPOINT && (typeof name !== 'string' || more.length > 0)) return;
  const found = orNot(() => decodeValue(value)) as Record<string, unknown> | null;
  const isObject = typeof found === 'object' && found !== null;
  expect(isObject && typeof name === 'string' && more.length === 0, 'an entry of the engine that is none');
  const { closed, digest, version, timeMs, settled, requests } = found ?? {};
  if (kind === REQUEST) expect(closed === true || digest instanceof Uint8Array, 'a request that is none');
  else if (kind === SESSION)
    expect(Number.isSafeInteger(settled) && Array.isArray(requests), 'a session that is none');
  else
    expect(
      Number.isSafeInteger(version) &&
        (version as number) >= 1 &&
        !Number.isNaN(new Date(timeMs as number).getTime()),
      'a checkpoint that is none',
    );
}

/** FORMAT.md, "Extensions": what the known ones say is left to the engine. */
function checkExtensions(extensions: readonly Extension[]): void {
  expect(extensions.length <= 64, 'too many extensions');
  for (const [i, { type, critical }] of extensions.entries()) {
    expect(type > (extensions[i - 1]?.type ?? 0), 'extensions out of order');
    expect(critical === 0 || (critical === 1 && [1, 3, 4].includes(Number(type))), 'a critical extension');
  }
}

function numberOf(value: Num | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function expect(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}

function orNot<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new NotInFormat(String(error));
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
