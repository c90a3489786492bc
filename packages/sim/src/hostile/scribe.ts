/**
 * Writes a log with core's encoders, one record after the other, as a slow and simple writer would: no queue, no
 * conflicts, every carry folded anew from the list of all that was ever written.
 */
import {
  CompactRange,
  type DecidedIntent,
  type Entry,
  type Extensions,
  encodeRecord,
  INTENT_NONCE_BYTES,
  type Intent,
  intentName,
  type LoggedTransaction,
  leafHash,
  Manifest,
  objectName,
  placeSegment,
  type RangeDelete,
  type RangeTombstone,
  recordName,
  SEGMENT_PREFIX,
  type SealedIntent,
  type Sealing,
  SegmentBuilder,
  type SegmentDescriptor,
  STREAM_LEVEL,
  sealIntent,
  type Turn,
  type Verdict,
  type Write,
} from '@holdfast/core';
import { createKeyring, type Keyring } from '@holdfast/crypto';
import { Random } from '../world/random.js';
import type { Image } from './image-store.js';
import { ROOT_KEY } from './reference.js';
import { hex, provider, sha256 } from './world.js';

export interface Transaction extends Pick<LoggedTransaction, 'rangeDeletes' | 'writes'> {
  readonly bulkRun?: number;
  /** What lies in that run: meant for the list of what should be there, not for the record. */
  readonly bulkWrites?: readonly Write[];
}

export interface Commit {
  readonly transactions?: readonly Transaction[];
  /** Later records need not carry what this one carries and writes: they name it. */
  readonly holds?: boolean;
  readonly behindMs?: number;
  readonly contended?: boolean;
  readonly successor?: Uint8Array;
  readonly turns?: readonly Turn[];
  readonly stores?: readonly Uint8Array[];
}

/** What one transaction did that has to be carried, until it is flushed. */
interface Done extends Pick<Transaction, 'rangeDeletes' | 'writes'> {
  readonly version: number;
  readonly order: number;
}

export interface Folded {
  readonly entries: readonly Entry[];
  readonly ranges: readonly RangeTombstone[];
}

const GRACE_MS = 3_600_000;
const RECORD_EVERY_MS = 1000;
/** Small, so that a segment has several. */
const BLOCK_BYTES = 200;
const PROCESS_ID = new Uint8Array(16).fill(20);

export class Scribe {
  readonly #random = new Random(4, 'scribe');
  readonly #databaseId = new Uint8Array(16).fill(0xdb);
  readonly #objects = new Map<string, Uint8Array>();
  readonly #startMs: number;
  #ring: Keyring;
  #version = 0;
  readonly #hashes: Uint8Array[] = [];
  #history = CompactRange.empty;
  #manifest = Manifest.empty(sha256);
  #flushedThrough = 0;
  readonly #done: Done[] = [];
  #holders: { version: number; hash: Uint8Array; bytes: number }[] = [];
  #intentFloor = 0;
  readonly #announced = new Map<number, SealedIntent>();
  readonly #decided = new Map<number, DecidedIntent>();
  readonly #contents = new Map<string, Folded>();
  extensions: Extensions = {};
  readonly #state = new Map<string, string>();
  readonly states: Map<number, readonly string[]> = new Map();

  private constructor(ring: Keyring, startMs: number) {
    this.#ring = ring;
    this.#startMs = startMs;
  }

  static async make(startMs: number): Promise<Scribe> {
    const random = new Random(4, 'keyring');
    const databaseId = new Uint8Array(16).fill(0xdb);
    const ring = await createKeyring({ provider, root: ROOT_KEY, databaseId, random: random.bytes });
    return new Scribe(ring, startMs);
  }

  get #sealing(): Sealing {
    const { currentEpoch } = this.#ring;
    const epochKey = (epoch: number): Promise<Uint8Array> => this.#ring.epochKey(epoch);
    const { bytes: random } = this.#random;
    return { provider, suite: 1, databaseId: this.#databaseId, currentEpoch, epochKey, random };
  }

  readonly #newId = (): Uint8Array => {
    const id = new Uint8Array(24);
    new DataView(id.buffer).setBigUint64(0, BigInt(this.#version));
    id.set(this.#random.bytes(16), 8);
    return id;
  };

  /** The objects as they lie in a bucket, in order. */
  image(): Image {
    return new Map([...this.#objects].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async rotate(): Promise<void> {
    this.#ring = await this.#ring.rotate();
  }

  /** Drops an epoch that nothing live is sealed under. The next record says so. */
  async retire(epoch: number): Promise<void> {
    this.#ring = this.#ring.without([epoch]);
    this.extensions = { ...this.extensions, retiredEpochs: [epoch] };
  }

  anchor(version: number): void {
    this.extensions = { ...this.extensions, anchored: { version, hash: this.#hashes[version - 1]! } };
  }

  /** The writer's next intent, on the newest version. It is of the process that `processId` says. */
  async announce(writer: number, intent: Omit<Intent, 'base'>): Promise<void> {
    const before = this.#announced.get(writer);
    const place = before ? { writerId: before.writerId, k: before.k + 1 } : 'first';
    const nonce = this.#random.bytes(INTENT_NONCE_BYTES);
    const sealed = await sealIntent(this.#sealing, { ...intent, base: this.#version }, place, nonce);
    this.#announced.set(writer, sealed);
    this.#objects.set(intentName(sealed.writerId, sealed.k), sealed.bytes);
  }

  /** The next record decides the intent that the writer has announced. */
  decide(writer: number, verdicts: readonly Verdict[]): void {
    const { writerId, k, hash } = this.#announced.get(writer)!;
    this.#decided.set(writer, { writerId, k, hash, version: this.#version + 1, verdicts });
  }

  /** Nobody remembers the writer's intents: what is as old counts nowhere. */
  forget(writer: number): void {
    this.#intentFloor = this.#decided.get(writer)!.version;
    this.#decided.delete(writer);
  }

  async #build(folded: Folded): Promise<SegmentDescriptor> {
    const builder = new SegmentBuilder(this.#sealing, this.#newId(), { blockBytes: BLOCK_BYTES });
    for (const entry of folded.entries) builder.add(entry);
    for (const range of folded.ranges) builder.addRange(range);
    const { bytes, descriptor } = await builder.finish();
    this.#objects.set(objectName(SEGMENT_PREFIX, descriptor.id), bytes);
    this.#contents.set(hex(descriptor.id), folded);
    return descriptor;
  }

  async #addRun(
    segments: readonly SegmentDescriptor[],
    level: number,
    stamp: { stampVersion?: number; stampOrder?: number } = {},
  ): Promise<number> {
    const run = this.#manifest.nextRun;
    const placed = segments.map((segment) => placeSegment(segment, { level, run, ...stamp }));
    const changed = await this.#manifest.withRun(this.#sealing, placed, this.#newId);
    for (const { name, bytes } of changed.uploads) this.#objects.set(name, bytes);
    this.#manifest = changed.manifest;
    return run;
  }

  /** What is not flushed up to `through` goes into a run of level 0. */
  async flush(through: number): Promise<void> {
    const folded = fold(this.#done.filter(({ version }) => this.#isTail(version) && version <= through));
    this.#flushedThrough = through;
    if (folded.entries.length + folded.ranges.length > 0) await this.#addRun([await this.#build(folded)], 0);
  }

  #isTail(version: number): boolean {
    return version > this.#flushedThrough;
  }

  /** The parts of streams of one part each. */
  async parts(
    values: readonly (readonly [key: Uint8Array, value: Uint8Array])[],
  ): Promise<{ run: number; ids: readonly Uint8Array[] }> {
    const segments: SegmentDescriptor[] = [];
    const stamp = { version: this.#version + 1, order: 0 };
    for (const [key, value] of values)
      segments.push(await this.#build({ entries: [{ key, value, ...stamp }], ranges: [] }));
    return { run: await this.#addRun(segments, STREAM_LEVEL), ids: segments.map(({ id }) => id) };
  }

  /** Moves the oldest run of level 0 to the first level, in two segments, and what is newer to the others. */
  async compact([first, ...others]: readonly [number, ...number[]]): Promise<void> {
    const old = this.#manifest.entries.filter(({ level }) => level === 0);
    const contents = old.map(({ id, stampVersion, stampOrder }) => {
      const stamped = <T extends { version: number; order: number }>(each: T): T =>
        each.version === 0 ? { ...each, version: stampVersion, order: stampOrder } : each;
      const { entries, ranges } = this.#contents.get(hex(id))!;
      return { entries: entries.map(stamped), ranges: ranges.map(stamped) };
    });
    const [oldest, ...newer] = contents.reverse();
    const add = [];
    let run = this.#manifest.nextRun;
    for (const piece of cut(oldest!, oldest!.entries[10]!.key))
      add.push(placeSegment(await this.#build(piece), { level: first!, run }));
    run++;
    for (const content of newer)
      for (const [i, piece] of cut(content, content.entries[1]!.key).entries())
        add.push(placeSegment(await this.#build(piece), { level: others[i]!, run: run++ }));
    const remove = old.map(({ id }) => id);
    const changed = await this.#manifest.edit(this.#sealing, { remove, add }, this.#newId);
    for (const { name, bytes } of changed.uploads) this.#objects.set(name, bytes);
    this.#manifest = changed.manifest;
  }

  /** A record whose transaction at `order` lies in a run of its own, without versions. Its ranges stand in the record. */
  async commitBulk(transactions: readonly Transaction[], order: number): Promise<void> {
    const { writes } = transactions[order]!;
    const entries = [...writes].sort((x, y) => Buffer.compare(x.key, y.key));
    const segment = await this.#build({
      entries: entries.map((write) => ({ ...write, version: 0, order: 0 })),
      ranges: [],
    });
    const stamp = { stampVersion: this.#version + 1, stampOrder: order };
    const bulkRun = await this.#addRun([segment], 0, stamp);
    await this.commit({
      transactions: transactions.map((each, i) =>
        i === order ? { ...each, writes: [], bulkRun, bulkWrites: writes } : each,
      ),
    });
  }

  async commit(commit: Commit): Promise<void> {
    const { transactions = [], holds = false, stores = [], ...flags } = commit;
    const version = this.#version + 1;
    const flushedThrough = this.#flushedThrough;
    this.#holders = this.#holders.filter((holder) => this.#isTail(holder.version));
    const from = this.#holders.at(-1)?.version ?? flushedThrough;
    const carried = fold(this.#done.filter((done) => done.version > from));
    const { bytes, hash } = await encodeRecord(
      this.#sealing,
      {
        version,
        parent: this.#hashes.at(-1) ?? new Uint8Array(32),
        flushedThrough,
        floor: 1,
        graceMs: GRACE_MS,
        history: this.#history,
        keyring: this.#ring.bytes,
        manifestRoot: this.#manifest.root,
        manifestSection: this.#manifest.section,
        extensions: this.extensions,
      },
      {
        ...flags,
        writerId: PROCESS_ID,
        timeMs: this.#startMs + version * RECORD_EVERY_MS,
        stores,
        transactions: transactions.map((each) => ({ readVersion: version - 1, bulkRun: 0, ...each })),
        intents: {
          floor: this.#intentFloor,
          decided: [...this.#decided.values()].sort((x, y) => Buffer.compare(x.writerId, y.writerId)),
        },
        carry: { refs: this.#holders, ranges: carried.ranges, entries: carried.entries },
      },
      this.#random.bytes(16),
    );
    this.#objects.set(recordName(version), bytes.slice());
    for (const [order, { writes, rangeDeletes, bulkWrites = [] }] of transactions.entries()) {
      this.#done.push({ version, order, writes, rangeDeletes });
      this.#apply([...bulkWrites, ...writes], rangeDeletes, version, order);
    }
    this.#version = version;
    this.#hashes.push(hash.slice());
    this.#history = this.#history.append(sha256, leafHash(sha256, hash));
    if (holds) this.#holders = [...this.#holders, { version, hash: hash.slice(), bytes: bytes.length }];
    const { retiredEpochs: _, ...kept } = this.extensions;
    this.extensions = kept;
    this.states.set(version, [...this.#state.values()].sort());
  }

  #apply(writes: readonly Write[], ranges: readonly RangeDelete[], version: number, order: number): void {
    for (const key of this.#state.keys())
      if (ranges.some(({ begin, end }) => hex(begin) <= key && key < hex(end))) this.#state.delete(key);
    for (const { key, value, expiresMs, stream } of writes)
      if (value === undefined) this.#state.delete(hex(key));
      else this.#state.set(hex(key), lineOfWrite({ key, value, version, order, expiresMs, stream }));
  }
}

/** One line for one key. */
export function lineOfWrite({ key, value, version, order, expiresMs, stream }: Entry): string {
  return [hex(key), version, order, stream === true, expiresMs, hex(sha256(value!))].join(' ');
}

/** What counts of each key, and of each stretch the newest range, as a carry or a flush has it. */
export function fold(done: readonly Done[]): Folded {
  const stamped = done.flatMap(({ version, order, rangeDeletes }) =>
    rangeDeletes.map((each) => ({ ...each, version, order })),
  );
  const bounds = stamped.flatMap(({ begin, end }) => [begin, end]).sort(Buffer.compare);
  const ranges: RangeTombstone[] = [];
  for (const [i, begin] of bounds.entries()) {
    const end = bounds[i + 1];
    if (!end || Buffer.compare(begin, end) === 0) continue;
    const newest = stamped
      .filter((each) => Buffer.compare(each.begin, begin) <= 0 && Buffer.compare(end, each.end) <= 0)
      .sort(byStamp)
      .at(-1);
    if (!newest) continue;
    const { version, order } = newest;
    const before = ranges.at(-1);
    if (before && byStamp(before, newest) === 0 && Buffer.compare(before.end, begin) === 0)
      ranges[ranges.length - 1] = { ...before, end };
    else ranges.push({ begin, end, version, order });
  }
  const entries = new Map<string, Entry>();
  for (const { version, order, writes } of [...done].sort(byStamp))
    for (const write of writes) entries.set(hex(write.key), { ...write, version, order });
  const isHidden = (entry: Entry): boolean =>
    stamped.some(
      (each) =>
        byStamp(entry, each) < 0 &&
        Buffer.compare(each.begin, entry.key) <= 0 &&
        Buffer.compare(entry.key, each.end) < 0,
    );
  return {
    entries: [...entries.values()]
      .filter((entry) => !isHidden(entry))
      .sort((x, y) => Buffer.compare(x.key, y.key)),
    ranges,
  };
}

/** What lies below a key, and the rest. */
function cut({ entries, ranges }: Folded, at: Uint8Array): Folded[] {
  const isBelow = (key: Uint8Array): boolean => Buffer.compare(key, at) < 0;
  const min = (key: Uint8Array): Uint8Array => (isBelow(key) ? key : at);
  const max = (key: Uint8Array): Uint8Array => (isBelow(key) ? at : key);
  return [
    {
      entries: entries.filter(({ key }) => isBelow(key)),
      ranges: ranges.filter(({ begin }) => isBelow(begin)).map((r) => ({ ...r, end: min(r.end) })),
    },
    {
      entries: entries.filter(({ key }) => !isBelow(key)),
      ranges: ranges
        .filter(({ end }) => Buffer.compare(at, end) < 0)
        .map((r) => ({ ...r, begin: max(r.begin) })),
    },
  ];
}

function byStamp(
  a: { readonly version: number; readonly order: number },
  b: { readonly version: number; readonly order: number },
): number {
  return a.version - b.version || a.order - b.order;
}
