/**
 * The sealed part of a record: what only the key's holders can read (FORMAT.md, "Record").
 *
 * Invariants:
 * - Decoding trusts nothing: a byte that is not as written is `CORRUPT`.
 * - The keys and values of a decoded body are views of its plaintext; all else is copied.
 */
import { HASH_BYTES } from '../merkle/merkle.js';
import { ByteReader, ByteWriter } from '../object/bytes.js';
import type { Entry } from '../segment/entry.js';
import { type RangeDelete, type RangeTombstone, readRange, writeRange } from '../segment/range-tombstone.js';
import { type Intents, NO_INTENTS, readIntents, WRITER_ID_BYTES, writeIntents } from './intents.js';
import { readTurns, type Turn, writeTurns } from './turns.js';
import { encodeEntry, readWrite, type Write, writeWrite } from './write.js';

/**
 * The most bytes that a record has: 32 MiB. Its writes are far below that (what is large goes into segments), so
 * that this bounds what a store can make a reader take for a record.
 */
export const RECORD_BYTES_MAX: number = 32 * 1024 * 1024;
const STORE_BYTES = 8;
/** Fingerprints of stores that a record has, at most. */
export const STORES_MAX = 16;
const FLAG_CONTENDED = 1;
const FLAG_SUCCESSOR = 2;

/** One transaction of a record. Its place in the list is its `order`. */
export interface LoggedTransaction {
  /** The version that its reads saw. */
  readonly readVersion: number;
  /** The manifest run that holds its bulk writes; 0: none. */
  readonly bulkRun: number;
  /** Take effect before its writes. Ascending, neither overlapping nor touching. */
  readonly rangeDeletes: readonly RangeDelete[];
  readonly writes: readonly Write[];
}

/** An older record that holds a stretch of the tail. */
export interface CarryRef {
  /** The holder. Its own writes and its inline carry reach back to the holder before it, or the last flush. */
  readonly version: number;
  readonly hash: Uint8Array;
  /** The holder's size. */
  readonly bytes: number;
}

/**
 * The older tail: every write since the last flush, before this record. Folded: a key's newest write, and of each
 * stretch that was deleted as a range the newest tombstone.
 */
export interface Carry {
  /** Ascending, above `flushedThrough`; what a holder has at or below that is passed over. */
  readonly refs: readonly CarryRef[];
  /** They and the entries cover the versions after the last holder's, or after `flushedThrough`. */
  readonly ranges: readonly RangeTombstone[];
  readonly entries: readonly Entry[];
}

/** Carried entries as they are written, so that a writer need not encode them anew for each record. */
export interface EncodedEntries {
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface RecordBody {
  /** 16 random bytes, drawn when its writer opened the database: the id of its process. Intents have ids of their own. */
  readonly writerId: Uint8Array;
  /** Milliseconds since 1970, never before the parent's. */
  readonly timeMs: number;
  /** By how much the writer's own wall clock was behind that, milliseconds. */
  readonly behindMs: number;
  /** Several writers were at the log: whoever comes next should announce and collect intents. */
  readonly contended: boolean;
  /** The id of the process that should collect next. */
  readonly successor: Uint8Array | undefined;
  /** In the order in which they were given. At most `TURNS_MAX`. */
  readonly turns: readonly Turn[];
  /** Fingerprints (8 bytes) of the stores whose probe was passed. */
  readonly stores: readonly Uint8Array[];
  readonly transactions: readonly LoggedTransaction[];
  readonly intents: Intents;
  readonly carry: Carry;
}

type Defaulted<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** What a body is made from: carried entries may be encoded already, and what is left out is nothing. */
export interface RecordDraft
  extends Omit<
    Defaulted<RecordBody, 'behindMs' | 'contended' | 'successor' | 'turns' | 'intents'>,
    'carry' | 'transactions'
  > {
  readonly transactions: readonly Defaulted<LoggedTransaction, 'rangeDeletes'>[];
  readonly carry: {
    readonly refs: readonly CarryRef[];
    readonly ranges?: readonly RangeTombstone[];
    readonly entries: readonly Entry[] | EncodedEntries;
  };
}

/** The version after which a record's inline carry begins. */
export function carryFrom(carry: Pick<Carry, 'refs'>, flushedThrough: number): number {
  return carry.refs.at(-1)?.version ?? flushedThrough;
}

/** @param flushedThrough the record's. */
export function encodeBody(body: RecordDraft, flushedThrough: number): Uint8Array {
  const { refs, ranges = [], entries } = body.carry;
  const from = carryFrom(body.carry, flushedThrough);
  const carried = 'bytes' in entries ? entries : encodeEntries(entries, from);
  // Grown, it would be zeroed and copied again.
  const writer = new ByteWriter(1024 + carried.bytes.length + writesBytes(body.transactions));
  const { contended = false, successor } = body;
  writer
    .raw(body.writerId)
    .varint(body.timeMs)
    .varint(body.behindMs ?? 0);
  writer.u8((contended ? FLAG_CONTENDED : 0) + (successor ? FLAG_SUCCESSOR : 0));
  if (successor) writer.raw(successor);
  writeTurns(writer, body.turns ?? []);
  writer.varint(body.stores.length);
  for (const store of body.stores) writer.raw(store);
  writer.varint(body.transactions.length);
  for (const { readVersion, bulkRun, rangeDeletes = [], writes } of body.transactions) {
    writer.varint(readVersion).varint(bulkRun).varint(rangeDeletes.length);
    for (const range of rangeDeletes) writeRange(writer, range);
    writer.varint(writes.length);
    for (const write of writes) writeWrite(writer, write);
  }
  writeIntents(writer, body.intents ?? NO_INTENTS);
  writer.varint(refs.length);
  for (const ref of refs) writer.varint(ref.version).raw(ref.hash).varint(ref.bytes);
  writer.varint(ranges.length);
  for (const range of ranges) {
    writeRange(writer, range);
    writer.varint(range.version - from).varint(range.order);
  }
  writer.varint(carried.count).raw(carried.bytes);
  return writer.view();
}

/** What writes take, at most, but for rare numbers. */
function writesBytes(transactions: RecordDraft['transactions']): number {
  let bytes = 0;
  for (const { writes } of transactions) {
    bytes += 16;
    for (const { key, value } of writes) bytes += key.length + (value?.length ?? 0) + 16;
  }
  return bytes;
}

function encodeEntries(entries: readonly Entry[], from: number): EncodedEntries {
  const writer = new ByteWriter();
  for (const entry of entries) writer.raw(encodeEntry(entry, from));
  return { count: entries.length, bytes: writer.finish() };
}

/** @param record whose body it is. */
export function decodeBody(
  plaintext: Uint8Array,
  object: string,
  record: { readonly version: number; readonly flushedThrough: number },
): RecordBody {
  const { version } = record;
  const reader = new ByteReader(plaintext, `${object} (opened)`);
  const writerId = reader.copy(WRITER_ID_BYTES);
  const timeMs = reader.varint();
  const behindMs = reader.varint();
  if (behindMs > timeMs)
    throw reader.corrupt(`expected a clock at most ${timeMs} ms behind, found ${behindMs}`);
  const flags = reader.u8();
  if (flags > (FLAG_CONTENDED | FLAG_SUCCESSOR))
    throw reader.corrupt(`expected flags 0 to 3, found ${flags}`);
  const successor = flags & FLAG_SUCCESSOR ? reader.copy(WRITER_ID_BYTES) : undefined;
  const turns = readTurns(reader);
  const stores: Uint8Array[] = [];
  for (let left = reader.count(STORE_BYTES); left > 0; left--) stores.push(reader.copy(STORE_BYTES));
  if (stores.length > STORES_MAX)
    throw reader.corrupt(`expected at most ${STORES_MAX} stores, found ${stores.length}`);
  const transactions: LoggedTransaction[] = [];
  for (let left = reader.count(4); left > 0; left--) transactions.push(readTransaction(reader, version));
  const intents = readIntents(reader, version);
  const carry = readCarry(reader, record);
  reader.end();
  const contended = (flags & FLAG_CONTENDED) !== 0;
  const hints = { contended, successor, turns };
  return { writerId, timeMs, behindMs, ...hints, stores, transactions, intents, carry };
}

function readTransaction(reader: ByteReader, version: number): LoggedTransaction {
  const readVersion = reader.varint();
  const bulkRun = reader.varint();
  if (readVersion >= version)
    throw reader.corrupt(`expected a read version below ${version}, found ${readVersion}`);
  const rangeDeletes: RangeDelete[] = [];
  for (let left = reader.count(3); left > 0; left--)
    rangeDeletes.push(readRange(reader, rangeDeletes.at(-1), false));
  const writes: Write[] = [];
  for (let left = reader.count(2); left > 0; left--) writes.push(readWrite(reader));
  return { readVersion, bulkRun, rangeDeletes, writes };
}

function readCarry(
  reader: ByteReader,
  { version, flushedThrough }: { readonly version: number; readonly flushedThrough: number },
): Carry {
  const refs: CarryRef[] = [];
  let from = flushedThrough;
  for (let left = reader.count(2 + HASH_BYTES); left > 0; left--) {
    const ref = { version: reader.varint(), hash: reader.copy(HASH_BYTES), bytes: reader.varint() };
    if (ref.version <= from || ref.version >= version)
      throw reader.corrupt(`expected a holder in (${from}, ${version}), found ${ref.version}`);
    if (ref.bytes > RECORD_BYTES_MAX)
      throw reader.corrupt(`expected a holder of at most ${RECORD_BYTES_MAX} bytes, found ${ref.bytes}`);
    from = ref.version;
    refs.push(ref);
  }
  const stamp = (): { version: number; order: number } => {
    const carried = from + reader.varint();
    if (carried <= from || carried >= version)
      throw reader.corrupt(`expected a carried version in (${from}, ${version}), found ${carried}`);
    return { version: carried, order: reader.varint() };
  };
  const ranges: RangeTombstone[] = [];
  for (let left = reader.count(5); left > 0; left--)
    ranges.push({ ...readRange(reader, ranges.at(-1), true), ...stamp() });
  const entries: Entry[] = [];
  for (let left = reader.count(4); left > 0; left--) entries.push({ ...readWrite(reader), ...stamp() });
  return { refs, ranges, entries };
}
