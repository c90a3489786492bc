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
import { recordName, TILE_WIDTH } from '../object/names.js';
import { type Extensions, encodeExtensions, NO_EXTENSIONS, readExtensions } from './extensions.js';
import {
  decodeBody,
  encodeBody,
  RECORD_BYTES_MAX,
  type RecordBody,
  type RecordDraft,
} from './record-body.js';

const COMMIT_ID_BYTES = 16;
/** How long a collected slot stays empty, in a database whose creator says nothing: 24 h. */
export const GRACE_MS_DEFAULT: number = 24 * 60 * 60 * 1000;

/** What everyone can read, and the record's hash covers. */
export interface RecordClear {
  readonly version: number;
  readonly parent: Uint8Array;
  readonly flushedThrough: number;
  readonly floor: number;
  /** Tiles of the history tree hold the records up to here. */
  readonly tiledThrough: number;
  /** The database's grace period: the same in each of its records. */
  readonly graceMs: number;
  /** Over the hashes of records 1 … n-1. */
  readonly history: CompactRange;
  readonly keyring: Uint8Array;
  readonly manifestRoot: Uint8Array;
  /** See manifest.ts. */
  readonly manifestSection: Uint8Array;
  readonly extensions: Extensions;
}

/** What the clear part is made from. */
export type ClearDraft = Omit<RecordClear, 'tiledThrough' | 'graceMs' | 'extensions'> &
  Partial<Pick<RecordClear, 'tiledThrough' | 'graceMs' | 'extensions'>>;

export interface RecordHeader extends RecordClear {
  readonly envelope: Envelope;
  /** The epoch that it is sealed under: the newest of its keyring, once it is opened. */
  readonly epoch: number;
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

/**
 * Encodes and seals a record. The same bytes must be sent however often the PUT is repeated.
 * @throws HoldfastError LIMIT_EXCEEDED where it would take more than RECORD_BYTES_MAX: nothing is sealed then.
 */
export async function encodeRecord(
  sealing: Sealing,
  clear: ClearDraft,
  body: RecordDraft,
  commitId: Uint8Array,
): Promise<{ bytes: Uint8Array; hash: Uint8Array }> {
  const plaintext = encodeBody(body, clear.flushedThrough);
  const objectId = new ByteWriter(24).u64(clear.version).raw(commitId).finish();
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
  const tiledThrough = reader.u64();
  if (tiledThrough >= version || tiledThrough % TILE_WIDTH !== 0)
    throw reader.corrupt(
      `expected tiles through a multiple of ${TILE_WIDTH} below ${version}, found ${tiledThrough}`,
    );
  const graceMs = reader.u64();
  const hashes: Uint8Array[] = [];
  for (let i = 0, count = compactRangeLength(version - 1); i < count; i++)
    hashes.push(reader.copy(HASH_BYTES));
  const keyring = copyBytes(reader.bytes());
  const manifestRoot = reader.copy(HASH_BYTES);
  const manifestSection = reader.bytes();
  const extensions = readExtensions(reader, object, version);
  const clearBytes = bytes.subarray(0, reader.offset);
  const sealedBody = reader.raw(reader.u32());
  reader.end();
  return {
    version,
    commitId: id.copy(COMMIT_ID_BYTES),
    envelope,
    epoch: envelope.epoch,
    parent,
    flushedThrough,
    floor,
    tiledThrough,
    graceMs,
    history: CompactRange.of(version - 1, hashes),
    keyring,
    manifestRoot,
    manifestSection,
    extensions,
    hash,
    bytes: bytes.length,
    sealedBody,
    clearBytes,
  };
}

/**
 * Opens the sealed part.
 * @param sealing with the keyring that the record carries.
 * @param signal ends the waiting for its epoch's key.
 */
export async function openRecord(
  sealing: Sealing,
  header: RecordHeader,
  signal?: AbortSignal,
): Promise<LogRecord> {
  const object = recordName(header.version);
  const { envelope, parent } = header;
  // Else whoever has stolen an old epoch's key could go on making records, rotation or not.
  if (envelope.epoch !== sealing.currentEpoch)
    throw corrupt(
      object,
      `expected it sealed under the newest epoch of its keyring, ${sealing.currentEpoch}, found epoch ${envelope.epoch}`,
    );
  const cipher = await openCipher(sealing, envelope, envelope.objectId, object, { parent, signal });
  const plaintext = await cipher.open(0, true, header.sealedBody, header.clearBytes);
  if (plaintext === undefined) throw corrupt(object, 'its sealed body fails authentication');
  return { ...header, body: decodeBody(plaintext, object, header) };
}

/** The fields between the envelope and the sealed body. */
function encodeClear(clear: ClearDraft): Uint8Array {
  const writer = new ByteWriter(512 + clear.manifestSection.length);
  const { tiledThrough = 0, graceMs = GRACE_MS_DEFAULT, extensions = NO_EXTENSIONS } = clear;
  writer.raw(clear.parent).u64(clear.flushedThrough).u64(clear.floor).u64(tiledThrough).u64(graceMs);
  for (const hash of clear.history.hashes) writer.raw(hash);
  writer.bytes(clear.keyring).raw(clear.manifestRoot).bytes(clear.manifestSection);
  return writer.raw(encodeExtensions(extensions)).finish();
}
