/**
 * A manifest page: some of the live segments of one level, in one sealed piece (FORMAT.md, "Manifest page").
 *
 * Invariants:
 * - A page doesn't say its level: the section that names the page does.
 * - What an auditor without keys needs (names, sizes, roots) is clear; keys and versions are sealed, and the clear
 *   bytes are authenticated with them.
 * - A decoded entry is consistent in itself, and in its order after the one before: its numbers and its reach can be
 *   relied on.
 * - A page has 1 to `PAGE_ENTRIES_MAX` entries and at most `PAGE_BYTES_MAX` bytes: no writer makes another one, no
 *   reader takes it.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { MAX_KEY_BYTES } from '../key/key.js';
import { HASH_BYTES } from '../merkle/merkle.js';
import { ByteReader, ByteWriter } from '../object/bytes.js';
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
import { readContents, writeContents } from '../segment/segment-contents.js';
import type { ClearSegmentEntry, SegmentEntry } from '../segment/segment-entry.js';
import { metaBytesFault } from '../segment/segment-table.js';
import { entryFault, orderFault } from './manifest-order.js';

/** Segments that one page lists, at most. */
export const PAGE_ENTRIES_MAX = 256;
const VARINT_BYTES_MAX = 8;
/** An encoded key, before it the byte that says whose it is, and its length. */
const KEY_FIELD_BYTES_MAX = 2 + 1 + MAX_KEY_BYTES;
/** The same of a range's bound: it may be a byte longer, to lie right behind a key and all that begins with it. */
const BOUND_FIELD_BYTES_MAX = KEY_FIELD_BYTES_MAX + 1;
/** Id, root, three clear varints, nine sealed ones, first and last key, the hull of the range tombstones. */
const ENTRY_BYTES_MAX =
  OBJECT_ID_BYTES + HASH_BYTES + 12 * VARINT_BYTES_MAX + 2 * KEY_FIELD_BYTES_MAX + 2 * BOUND_FIELD_BYTES_MAX;
/** What a page weighs beside its entries: the count takes two bytes at most. */
const PAGE_BYTES_BESIDE_ENTRIES = ENVELOPE_BYTES + 2 + 4 + CHUNK_OVERHEAD_BYTES;
/** The most bytes that a page has: what PAGE_ENTRIES_MAX entries with keys of MAX_KEY_BYTES take, about 8 MiB. */
export const PAGE_BYTES_MAX: number = PAGE_BYTES_BESIDE_ENTRIES + PAGE_ENTRIES_MAX * ENTRY_BYTES_MAX;

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function fieldBytes(bytes: Uint8Array): number {
  return varintBytes(bytes.length) + bytes.length;
}

/** What a segment adds to a page, exactly. */
export function entryBytes(e: SegmentEntry): number {
  let bytes = OBJECT_ID_BYTES + HASH_BYTES + fieldBytes(e.firstKey) + fieldBytes(e.lastKey);
  for (const number of [e.bytes, e.metaBytes, e.epoch, e.run, e.stampVersion, e.stampOrder])
    bytes += varintBytes(number);
  for (const number of [e.minVersion, e.maxVersion, e.entries, e.tombstones, e.ranges, e.earliestExpiryMs])
    bytes += varintBytes(number);
  return e.ranges === 0 ? bytes : bytes + fieldBytes(e.rangeBegin) + fieldBytes(e.rangeEnd);
}

/** What a page of these segments weighs: exactly, or a byte more. */
export function pageBytes(entries: readonly SegmentEntry[]): number {
  return entries.reduce((sum, entry) => sum + entryBytes(entry), PAGE_BYTES_BESIDE_ENTRIES);
}

/**
 * Seals segments of one level, whatever their order: who names the page answers for that.
 * @throws HoldfastError LIMIT_EXCEEDED over PAGE_ENTRIES_MAX or PAGE_BYTES_MAX.
 */
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
    details.varint(e.run).varint(e.stampVersion).varint(e.stampOrder);
    writeContents(details, e);
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
 * Opens a page and checks its entries, each against itself and the one before.
 * @param level what the section says of the page.
 * @param object how errors name the page.
 * @param signal ends the waiting for its epoch's key.
 */
export async function decodePage(
  sealing: Sealing,
  bytes: Uint8Array,
  level: number,
  object: string,
  signal?: AbortSignal,
): Promise<SegmentEntry[]> {
  const { envelope, entries: clear, aad, sealed } = readClear(bytes, object);
  const cipher = await openCipher(sealing, envelope, envelope.objectId, object, { signal });
  const plaintext = await cipher.open(0, true, sealed, aad);
  if (!plaintext) throw corrupt(object, 'its details fail authentication');
  const reader = new ByteReader(plaintext, `${object} (details)`);
  const entries: SegmentEntry[] = [];
  for (const segment of clear) {
    const entry: SegmentEntry = { ...segment, level, ...readDetails(reader) };
    const before = entries.at(-1);
    const fault = entryFault(entry) ?? (before && orderFault(before, entry));
    if (fault !== undefined) throw reader.corrupt(`before it, ${fault}`);
    entries.push(entry);
  }
  reader.end();
  return entries;
}

/** What a page seals of a segment. */
function readDetails(reader: ByteReader): Omit<SegmentEntry, keyof ClearSegmentEntry | 'level'> {
  return {
    run: reader.varint(),
    stampVersion: reader.varint(),
    stampOrder: reader.varint(),
    ...readContents(reader),
  };
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
  if (count === 0) throw reader.corrupt('expected a segment at least, found none');
  const entries: ClearSegmentEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry: ClearSegmentEntry = {
      id: reader.copy(OBJECT_ID_BYTES),
      bytes: reader.varint(),
      metaBytes: reader.varint(),
      root: reader.copy(HASH_BYTES),
      epoch: reader.varint(),
    };
    const fault = metaBytesFault(entry);
    if (fault !== undefined) throw reader.corrupt(fault);
    entries.push(entry);
  }
  const aad = bytes.subarray(0, reader.offset);
  const sealed = reader.raw(reader.u32());
  reader.end();
  return { envelope, entries, aad, sealed };
}
