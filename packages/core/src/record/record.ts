/**
 * Records: the immutable objects of the log, one for each version. FORMAT.md, "Record".
 *
 * Invariants:
 * - A record's hash covers all its bytes, so `parent` pins everything before it (I2).
 * - What an auditor without keys needs (parent, history, floor, manifest) is clear and authenticated;
 *   what says anything about keys or values is sealed (I9).
 * - Decoding trusts nothing: a byte that is not as written is `CORRUPT`.
 * - What a state keeps of a record (hashes, keyring, references) is a copy. What it need not keep (`sealedBody`,
 *   `clearBytes`, `manifestSection`, and the keys and values of the body) are views of all of it.
 * - A record is at most `RECORD_BYTES_MAX` long: no writer makes a longer one, no reader takes it.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { CompactRange, compactRangeLength, HASH_BYTES } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, copyBytes, equalBytes } from '../object/bytes.js';
import {
  ENVELOPE_BYTES,
  type Envelope,
  newCipher,
  openCipher,
  readEnvelope,
  type Sealing,
  writeEnvelope,
} from '../object/envelope.js';
import { corrupt, HoldfastError } from '../object/errors.js';
import { recordName } from '../object/names.js';
import type { Entry } from '../segment/entry.js';

const COMMIT_ID_BYTES = 16;

/**
 * The most bytes that a record has: 32 MiB. Its writes are far below that (what is large goes into segments), so
 * that this bounds what a store can make a reader take for a record.
 */
export const RECORD_BYTES_MAX: number = 32 * 1024 * 1024;

/** A key and its new value; undefined: deleted. */
export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** One transaction of a record. Its place in the list is its `order`. */
export interface LoggedTransaction {
  /** The version that its reads saw. */
  readonly readVersion: number;
  /** The manifest run that holds its bulk writes; 0: none. */
  readonly bulkRun: number;
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
 * The older tail: every write since the last flush, before this record. Folded: a key's newest write only.
 */
export interface Carry {
  /** Ascending, above `flushedThrough`; what a holder has at or below that is passed over. */
  readonly refs: readonly CarryRef[];
  /** The entries cover the versions after the last holder's, or after `flushedThrough`. */
  readonly entries: readonly Entry[];
}

/** Carried entries as they are written, so that a writer need not encode them anew for each record. */
export interface EncodedEntries {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What a record is made from: a body whose carried entries may be encoded already. */
export interface RecordDraft extends Omit<RecordBody, 'carry'> {
  readonly carry: { readonly refs: readonly CarryRef[]; readonly entries: readonly Entry[] | EncodedEntries };
}

/** The version after which a record's inline carry begins. */
export function carryFrom(carry: Pick<Carry, 'refs'>, flushedThrough: number): number {
  return carry.refs.at(-1)?.version ?? flushedThrough;
}

/** What everyone can read, and the record's hash covers. */
export interface RecordClear {
  readonly version: number;
  readonly parent: Uint8Array;
  readonly flushedThrough: number;
  readonly floor: number;
  /** Over the hashes of records 1 … n-1. */
  readonly history: CompactRange;
  readonly keyring: Uint8Array;
  readonly manifestRoot: Uint8Array;
  /** See manifest.ts. */
  readonly manifestSection: Uint8Array;
}

/** What only the key's holders can read. */
export interface RecordBody {
  /** 16 random bytes, chosen when its writer opened the database. */
  readonly writerId: Uint8Array;
  /** The writer's wall clock, milliseconds since 1970, never before the parent's. Advisory. */
  readonly timeMs: number;
  /** Fingerprints (8 bytes) of the stores whose probe was passed. */
  readonly stores: readonly Uint8Array[];
  readonly transactions: readonly LoggedTransaction[];
  readonly carry: Carry;
}

export interface RecordHeader extends RecordClear {
  readonly envelope: Envelope;
  /** 16 random bytes: whose record it is. */
  readonly commitId: Uint8Array;
  /** SHA-256 of all its bytes but the last 32, which are this hash. */
  readonly hash: Uint8Array;
  /** The object's size. */
  readonly bytes: number;
  readonly sealedBody: Uint8Array;
  /** Everything before the sealed body: its associated data. */
  readonly clearBytes: Uint8Array;
}

export interface LogRecord extends RecordHeader {
  readonly body: RecordBody;
}

export function recordObjectId(version: number, commitId: Uint8Array): Uint8Array {
  return new ByteWriter(24).u64(version).raw(commitId).finish();
}

/**
 * Encodes and seals a record. The same bytes must be sent however often the PUT is repeated.
 * @throws HoldfastError LIMIT_EXCEEDED where it would take more than RECORD_BYTES_MAX: nothing is sealed then.
 */
export async function encodeRecord(
  sealing: Sealing,
  clear: RecordClear,
  body: RecordDraft,
  commitId: Uint8Array,
): Promise<{ bytes: Uint8Array; hash: Uint8Array }> {
  const plaintext = encodeBody(body, carryFrom(body.carry, clear.flushedThrough));
  const objectId = recordObjectId(clear.version, commitId);
  const clearBytes = encodeClear(clear);
  const length =
    ENVELOPE_BYTES + clearBytes.length + 4 + plaintext.length + CHUNK_OVERHEAD_BYTES + HASH_BYTES;
  if (length > RECORD_BYTES_MAX)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `record ${clear.version} would take ${length} bytes, at most ${RECORD_BYTES_MAX} are allowed; nothing was written. Write less in one transaction`,
    );
  // The clear bytes too: one key and nonce over two sets of associated data would give its GHASH key away.
  const contentHash = sealing.provider.sha256(clearBytes, plaintext);
  const { cipher, envelope } = await newCipher(
    sealing,
    OBJECT_KIND.record,
    objectId,
    contentHash,
    clear.parent,
  );
  const writer = new ByteWriter(length);
  writeEnvelope(writer, envelope);
  writer.raw(clearBytes);
  const sealed = await cipher.seal(0, true, plaintext, writer.view());
  writer.u32(sealed.length).raw(sealed);
  const hash = sealing.provider.sha256(writer.view());
  return { bytes: writer.raw(hash).view(), hash };
}

/** Reads the clear part and checks the hash; needs no key. */
export function decodeRecordHeader(
  sha256: Sealing['provider']['sha256'],
  bytes: Uint8Array,
  version: number,
): RecordHeader {
  const object = recordName(version);
  if (bytes.length < ENVELOPE_BYTES + HASH_BYTES) throw corrupt(object, `it has only ${bytes.length} bytes`);
  if (bytes.length > RECORD_BYTES_MAX)
    throw corrupt(object, `expected at most ${RECORD_BYTES_MAX} bytes, found ${bytes.length}`);
  const end = bytes.length - HASH_BYTES;
  const reader = new ByteReader(bytes, object, 0, end);
  const envelope = readEnvelope(reader, OBJECT_KIND.record, object);
  const hash = copyBytes(bytes.subarray(end));
  if (!equalBytes(sha256(bytes.subarray(0, end)), hash))
    throw corrupt(object, 'expected its last 32 bytes to be the SHA-256 of the rest');
  const id = new ByteReader(envelope.objectId, object);
  const found = id.u64();
  if (found !== version) throw corrupt(object, `expected version ${version}, found ${found}`);
  const parent = reader.copy(HASH_BYTES);
  const flushedThrough = reader.u64();
  const floor = reader.u64();
  if (flushedThrough >= version)
    throw reader.corrupt(`expected flushedThrough below ${version}, found ${flushedThrough}`);
  if (floor < 1 || floor > version)
    throw reader.corrupt(`expected a floor from 1 to ${version}, found ${floor}`);
  const hashes: Uint8Array[] = [];
  for (let i = 0, count = compactRangeLength(version - 1); i < count; i++)
    hashes.push(reader.copy(HASH_BYTES));
  const keyring = copyBytes(reader.bytes());
  const manifestRoot = reader.copy(HASH_BYTES);
  const manifestSection = reader.bytes();
  const clearBytes = bytes.subarray(0, reader.offset);
  const sealedBody = reader.raw(reader.u32());
  reader.end();
  return {
    version,
    commitId: id.copy(COMMIT_ID_BYTES),
    envelope,
    parent,
    flushedThrough,
    floor,
    history: CompactRange.of(version - 1, hashes),
    keyring,
    manifestRoot,
    manifestSection,
    hash,
    bytes: bytes.length,
    sealedBody,
    clearBytes,
  };
}

/** Opens the sealed part. @param signal ends the waiting for its epoch's key. */
export async function openRecord(
  sealing: Sealing,
  header: RecordHeader,
  signal?: AbortSignal,
): Promise<LogRecord> {
  const object = recordName(header.version);
  const { envelope, parent } = header;
  const cipher = await openCipher(sealing, envelope, envelope.objectId, object, { parent, signal });
  const plaintext = await cipher.open(0, true, header.sealedBody, header.clearBytes);
  if (plaintext === undefined) throw corrupt(object, 'its sealed body fails authentication');
  return { ...header, body: decodeBody(plaintext, object, header) };
}

/** The fields between the envelope and the sealed body. */
function encodeClear(clear: RecordClear): Uint8Array {
  const writer = new ByteWriter(512 + clear.manifestSection.length);
  writer.raw(clear.parent).u64(clear.flushedThrough).u64(clear.floor);
  for (const hash of clear.history.hashes) writer.raw(hash);
  return writer.bytes(clear.keyring).raw(clear.manifestRoot).bytes(clear.manifestSection).finish();
}

function encodeBody(body: RecordDraft, from: number): Uint8Array {
  const { refs, entries } = body.carry;
  const carried = 'bytes' in entries ? entries : encodeEntries(entries, from);
  const writer = new ByteWriter(1024 + carried.bytes.length);
  writer.raw(body.writerId).varint(body.timeMs);
  writer.varint(body.stores.length);
  for (const store of body.stores) writer.raw(store);
  writer.varint(body.transactions.length);
  for (const { readVersion, bulkRun, writes } of body.transactions) {
    writer.varint(readVersion).varint(bulkRun).varint(writes.length);
    for (const { key, value } of writes) writeKeyValue(writer, key, value);
  }
  writer.varint(refs.length);
  for (const ref of refs) writer.varint(ref.version).raw(ref.hash).varint(ref.bytes);
  writer.varint(carried.count).raw(carried.bytes);
  return writer.view();
}

function encodeEntries(entries: readonly Entry[], from: number): EncodedEntries {
  const writer = new ByteWriter();
  for (const entry of entries) writer.raw(encodeEntry(entry, from));
  return { count: entries.length, bytes: writer.finish() };
}

/** One carried entry. @param from what `carryFrom` gives for its record. */
export function encodeEntry({ key, value, version, order }: Entry, from: number): Uint8Array {
  const writer = new ByteWriter(key.length + (value?.length ?? 0) + 16);
  writeKeyValue(writer, key, value);
  return writer
    .varint(version - from)
    .varint(order)
    .finish();
}

/** A value's length is written one higher, so that 0 stands for a deletion. */
function writeKeyValue(writer: ByteWriter, key: Uint8Array, value: Uint8Array | undefined): void {
  writer.bytes(key);
  if (value === undefined) writer.varint(0);
  else writer.varint(value.length + 1).raw(value);
}

function readKeyValue(reader: ByteReader): Write {
  const key = reader.bytes();
  const length = reader.varint();
  return { key, value: length === 0 ? undefined : reader.raw(length - 1) };
}

function decodeBody(plaintext: Uint8Array, object: string, header: RecordHeader): RecordBody {
  const reader = new ByteReader(plaintext, `${object} (opened)`);
  const writerId = reader.copy(16);
  const timeMs = reader.varint();
  const stores: Uint8Array[] = [];
  for (let left = reader.count(8); left > 0; left--) stores.push(reader.copy(8));
  const transactions: LoggedTransaction[] = [];
  for (let left = reader.count(3); left > 0; left--) {
    const readVersion = reader.varint();
    const bulkRun = reader.varint();
    const writes: Write[] = [];
    for (let more = reader.count(2); more > 0; more--) writes.push(readKeyValue(reader));
    if (readVersion >= header.version)
      throw reader.corrupt(`expected a read version below ${header.version}, found ${readVersion}`);
    transactions.push({ readVersion, bulkRun, writes });
  }
  const refs: CarryRef[] = [];
  let from = header.flushedThrough;
  for (let left = reader.count(2 + HASH_BYTES); left > 0; left--) {
    const ref = { version: reader.varint(), hash: reader.copy(HASH_BYTES), bytes: reader.varint() };
    if (ref.version <= from || ref.version >= header.version)
      throw reader.corrupt(`expected a holder in (${from}, ${header.version}), found ${ref.version}`);
    if (ref.bytes > RECORD_BYTES_MAX)
      throw reader.corrupt(`expected a holder of at most ${RECORD_BYTES_MAX} bytes, found ${ref.bytes}`);
    from = ref.version;
    refs.push(ref);
  }
  const entries: Entry[] = [];
  for (let left = reader.count(4); left > 0; left--) {
    const { key, value } = readKeyValue(reader);
    const version = from + reader.varint();
    if (version <= from || version >= header.version)
      throw reader.corrupt(`expected a carried version in (${from}, ${header.version}), found ${version}`);
    entries.push({ key, value, version, order: reader.varint() });
  }
  reader.end();
  return { writerId, timeMs, stores, transactions, carry: { refs, entries } };
}
