/**
 * A manifest page: some of the live segments, in one sealed piece (FORMAT.md, "Manifest page").
 *
 * Invariants:
 * - What an auditor without keys needs (names, sizes, roots) is clear; keys and versions are sealed, and the clear
 *   bytes are authenticated with them.
 * - A decoded entry is consistent in itself: its numbers and its key range can be relied on.
 */
import { OBJECT_KIND } from '@holdfast/crypto';
import { ByteReader, ByteWriter, compareBytes } from './bytes.js';
import { newCipher, openCipher, readEnvelope, type Sealing, writeEnvelope } from './envelope.js';
import { corrupt } from './errors.js';
import { OBJECT_ID_BYTES, type ObjectId } from './names.js';
import type { ClearSegmentEntry, SegmentEntry } from './segment-entry.js';
import { FOOTER_BYTES } from './segment-table.js';

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
    details.bytes(e.firstKey).bytes(e.lastKey);
  }
  const clearBytes = clear.finish();
  const plaintext = details.finish();
  const contentHash = sealing.provider.sha256(clearBytes, plaintext);
  const { cipher, envelope } = await newCipher(sealing, OBJECT_KIND.page, id, contentHash);
  const writer = new ByteWriter(256 + clearBytes.length + plaintext.length);
  writeEnvelope(writer, envelope);
  const aad = writer.raw(clearBytes).finish();
  const sealed = await cipher.seal(0, true, plaintext, aad);
  return writer.u32(sealed.length).raw(sealed).finish();
}

/**
 * Opens a page and checks its entries, each against itself.
 * @param object how errors name the page.
 */
export async function decodePage(
  sealing: Sealing,
  bytes: Uint8Array,
  object: string,
): Promise<SegmentEntry[]> {
  const { envelope, entries: clear, aad, sealed } = readClear(bytes, object);
  const cipher = await openCipher(sealing, envelope, envelope.objectId, object);
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
      firstKey: reader.bytes().slice(),
      lastKey: reader.bytes().slice(),
    };
    if (
      entry.minVersion > entry.maxVersion ||
      entry.entries === 0 ||
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
  const reader = new ByteReader(bytes, object);
  const envelope = readEnvelope(reader, OBJECT_KIND.page, object);
  // Id, root and the shortest varints.
  const count = reader.count(OBJECT_ID_BYTES + 32 + 3);
  const entries: ClearSegmentEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry: ClearSegmentEntry = {
      id: reader.raw(OBJECT_ID_BYTES).slice(),
      bytes: reader.varint(),
      metaBytes: reader.varint(),
      root: reader.raw(32).slice(),
      epoch: reader.varint(),
    };
    if (entry.metaBytes < FOOTER_BYTES || entry.metaBytes > entry.bytes)
      throw reader.corrupt(
        `expected meta bytes from ${FOOTER_BYTES} to ${entry.bytes}, found ${entry.metaBytes}`,
      );
    entries.push(entry);
  }
  const aad = bytes.subarray(0, reader.offset);
  const sealed = reader.raw(reader.u32());
  reader.end();
  return { envelope, entries, aad, sealed };
}
