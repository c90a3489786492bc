/**
 * A manifest page: some of the live segments, in one sealed piece (FORMAT.md, "Manifest page").
 *
 * Invariants:
 * - What an auditor without keys needs (names, sizes, roots) is clear; keys and versions are sealed, and the clear
 *   bytes are authenticated with them.
 * - A decoded entry is consistent in itself: its numbers and its key range can be relied on.
 * - A page has at most `PAGE_ENTRIES_MAX` entries and `PAGE_BYTES_MAX` bytes: no writer makes a larger one, no reader
 *   takes it.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { MAX_KEY_BYTES } from '../key/key.js';
import { HASH_BYTES } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, compareBytes, copyBytes } from '../object/bytes.js';
import {
  ENVELOPE_BYTES,
  newCipher,
  openCipher,
  readEnvelope,
  type Sealing,
  writeEnvelope,
} from '../object/envelope.js';
import { corrupt, HoldfastError } from '../object/errors.js';
import { OBJECT_ID_BYTES, type ObjectId } from '../object/names.js';
import type { ClearSegmentEntry, SegmentEntry } from '../segment/segment-entry.js';
import { FOOTER_BYTES, META_BYTES_MAX } from '../segment/segment-table.js';

/** Segments that one page lists, at most. */
export const PAGE_ENTRIES_MAX = 256;
const VARINT_BYTES_MAX = 8;
/** An encoded key, before it the byte that says whose it is, and its length. */
const KEY_FIELD_BYTES_MAX = 2 + 1 + MAX_KEY_BYTES;
/** Id, root, three clear varints, eight sealed ones, first and last key. */
const ENTRY_BYTES_MAX = OBJECT_ID_BYTES + HASH_BYTES + 11 * VARINT_BYTES_MAX + 2 * KEY_FIELD_BYTES_MAX;
/** The most bytes that a page has: what PAGE_ENTRIES_MAX entries with keys of MAX_KEY_BYTES take, about 4 MiB. */
export const PAGE_BYTES_MAX: number =
  ENVELOPE_BYTES + VARINT_BYTES_MAX + 4 + CHUNK_OVERHEAD_BYTES + PAGE_ENTRIES_MAX * ENTRY_BYTES_MAX;

/** @throws HoldfastError LIMIT_EXCEEDED over PAGE_ENTRIES_MAX or PAGE_BYTES_MAX. */
export async function encodePage(
  sealing: Sealing,
  id: ObjectId,
  entries: readonly SegmentEntry[],
): Promise<Uint8Array> {
  const clear = new ByteWriter(64 + 96 * entries.length);
  clear.varint(entries.length);
  const details = new ByteWriter(64 + 64 * entries.length);
  for (const e of entries) {
    clear.raw(e.id).varint(e.bytes).varint(e.metaBytes).raw(e.root).varint(e.epoch);
    details.varint(e.level).varint(e.run).varint(e.stampVersion).varint(e.stampOrder);
    details.varint(e.minVersion).varint(e.maxVersion).varint(e.entries).varint(e.tombstones);
    details
      .bytes(e.firstKey)
      .bytes(e.lastKey)
      .varint(e.ranges)
      .bytes(e.rangeBegin)
      .bytes(e.rangeEnd)
      .varint(e.earliestExpiryMs);
  }
  const clearBytes = clear.finish();
  const plaintext = details.finish();
  const length = ENVELOPE_BYTES + clearBytes.length + 4 + plaintext.length + CHUNK_OVERHEAD_BYTES;
  if (entries.length > PAGE_ENTRIES_MAX || length > PAGE_BYTES_MAX)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `a manifest page would list ${entries.length} segments in ${length} bytes, at most ${PAGE_ENTRIES_MAX} and ${PAGE_BYTES_MAX} are allowed`,
    );
  const contentHash = sealing.provider.sha256(clearBytes, plaintext);
  const { cipher, envelope } = await newCipher(sealing, OBJECT_KIND.page, id, contentHash);
  const writer = new ByteWriter(length);
  writeEnvelope(writer, envelope);
  const aad = writer.raw(clearBytes).finish();
  const sealed = await cipher.seal(0, true, plaintext, aad);
  return writer.u32(sealed.length).raw(sealed).finish();
}

/**
 * Opens a page and checks its entries, each against itself.
 * @param object how errors name the page.
 * @param signal ends the waiting for its epoch's key.
 */
export async function decodePage(
  sealing: Sealing,
  bytes: Uint8Array,
  object: string,
  signal?: AbortSignal,
): Promise<SegmentEntry[]> {
  const { envelope, entries: clear, aad, sealed } = readClear(bytes, object);
  const cipher = await openCipher(sealing, envelope, envelope.objectId, object, { signal });
  const plaintext = await cipher.open(0, true, sealed, aad);
  if (!plaintext) throw corrupt(object, 'its details fail authentication');
  const reader = new ByteReader(plaintext, `${object} (details)`);
  const entries = clear.map((segment): SegmentEntry => {
    const entry: SegmentEntry = {
      ...segment,
      level: reader.varint(),
      run: reader.varint(),
      stampVersion: reader.varint(),
      stampOrder: reader.varint(),
      minVersion: reader.varint(),
      maxVersion: reader.varint(),
      entries: reader.varint(),
      tombstones: reader.varint(),
      firstKey: copyBytes(reader.bytes()),
      lastKey: copyBytes(reader.bytes()),
      ranges: reader.varint(),
      rangeBegin: copyBytes(reader.bytes()),
      rangeEnd: copyBytes(reader.bytes()),
      earliestExpiryMs: reader.varint(),
    };
    if (
      entry.minVersion > entry.maxVersion ||
      (entry.entries === 0 && entry.ranges === 0) ||
      entry.tombstones > entry.entries ||
      (entry.stampVersion === 0 && (entry.minVersion === 0 || entry.stampOrder !== 0)) ||
      (entry.stampVersion !== 0 &&
        (entry.stampVersion < entry.minVersion || entry.stampVersion > entry.maxVersion)) ||
      compareBytes(entry.firstKey, entry.lastKey) > 0
    )
      throw reader.corrupt(
        'the versions, counts or key range of the segment before it contradict each other',
      );
    return entry;
  });
  reader.end();
  return entries;
}

/** What an auditor without keys sees: enough to fetch every segment and to compare its root. */
export function readPageClear(
  bytes: Uint8Array,
  object: string,
): { id: ObjectId; entries: ClearSegmentEntry[] } {
  const { envelope, entries } = readClear(bytes, object);
  return { id: envelope.objectId, entries };
}

function readClear(
  bytes: Uint8Array,
  object: string,
): {
  envelope: ReturnType<typeof readEnvelope>;
  entries: ClearSegmentEntry[];
  aad: Uint8Array;
  sealed: Uint8Array;
} {
  if (bytes.length > PAGE_BYTES_MAX)
    throw corrupt(object, `expected at most ${PAGE_BYTES_MAX} bytes, found ${bytes.length}`);
  const reader = new ByteReader(bytes, object);
  const envelope = readEnvelope(reader, OBJECT_KIND.page, object);
  // Id, root and the shortest varints.
  const count = reader.count(OBJECT_ID_BYTES + HASH_BYTES + 3);
  if (count > PAGE_ENTRIES_MAX)
    throw reader.corrupt(`expected at most ${PAGE_ENTRIES_MAX} segments, found ${count}`);
  const entries: ClearSegmentEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry: ClearSegmentEntry = {
      id: reader.copy(OBJECT_ID_BYTES),
      bytes: reader.varint(),
      metaBytes: reader.varint(),
      root: reader.copy(HASH_BYTES),
      epoch: reader.varint(),
    };
    const metaBytesMax = Math.min(entry.bytes, META_BYTES_MAX);
    if (entry.metaBytes < FOOTER_BYTES || entry.metaBytes > metaBytesMax)
      throw reader.corrupt(
        `expected meta bytes from ${FOOTER_BYTES} to ${metaBytesMax}, found ${entry.metaBytes}`,
      );
    entries.push(entry);
  }
  const aad = bytes.subarray(0, reader.offset);
  const sealed = reader.raw(reader.u32());
  reader.end();
  return { envelope, entries, aad, sealed };
}
