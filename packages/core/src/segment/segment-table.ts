/**
 * The clear end of a segment: the table of its chunks, and the footer that says how long everything is
 * (FORMAT.md, "Segment"). It needs no key, so an auditor can check every byte of the object against its root.
 *
 * Invariants:
 * - A `ChunkTable` was checked against the Merkle root that the manifest names, and its sizes add up to the
 *   object's. What a chunk holds is known only once it is compared with its leaf.
 * - No end is longer than `META_BYTES_MAX` and no chunk longer than `CHUNK_BYTES_MAX`: no builder makes longer ones, so
 *   an auditor, who can't know whether a writer had the keys, takes no more into memory either.
 * - Nothing is allocated by a number of chunks that the bytes at hand could not describe.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { HASH_BYTES, leafHash, merkleRoot, type Sha256 } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, equalBytes } from '../object/bytes.js';
import { ENVELOPE_BYTES, type Envelope, readEnvelope, writeEnvelope } from '../object/envelope.js';
import { corrupt } from '../object/errors.js';
import type { ClearSegmentEntry } from './segment-entry.js';

/** Of one chunk: sealed bytes (u32), Merkle leaf. */
export const TABLE_ROW_BYTES: number = 4 + HASH_BYTES;
/** Chunk count (u32), sealed bytes of the meta chunk (u32), envelope. */
export const FOOTER_BYTES: number = 8 + ENVELOPE_BYTES;

/** The most bytes of a sealed chunk: 1 MiB. A block of 32 KiB with the longest key and inline value is far below. */
export const CHUNK_BYTES_MAX: number = 1024 * 1024;
/** The most bytes that follow a segment's chunks: 64 MiB, which is a filter of 50 million keys. */
export const META_BYTES_MAX: number = 64 * 1024 * 1024;

/** What is wrong with the sizes that are said of a segment, in words. Undefined: nothing is. */
export function metaBytesFault({
  bytes,
  metaBytes,
}: Pick<ClearSegmentEntry, 'bytes' | 'metaBytes'>): string | undefined {
  const metaBytesMax = Math.min(bytes, META_BYTES_MAX);
  return metaBytes >= FOOTER_BYTES && metaBytes <= metaBytesMax
    ? undefined
    : `expected meta bytes from ${FOOTER_BYTES} to ${metaBytesMax}, found ${metaBytes}`;
}

/** What the table says of one chunk. */
export interface ChunkRow {
  /** Of the sealed chunk. */
  readonly bytes: number;
  /** Merkle leaf. */
  readonly leaf: Uint8Array;
}

export function encodeTable(rows: readonly ChunkRow[]): Uint8Array {
  const writer = new ByteWriter(rows.length * TABLE_ROW_BYTES);
  for (const { bytes, leaf } of rows) writer.u32(bytes).raw(leaf);
  return writer.finish();
}

export function encodeFooter(chunks: number, sealedMetaBytes: number, envelope: Envelope): Uint8Array {
  const writer = new ByteWriter(FOOTER_BYTES).u32(chunks).u32(sealedMetaBytes);
  writeEnvelope(writer, envelope);
  return writer.finish();
}

/**
 * The root that the manifest names.
 * @param leaves of the chunks.
 * @param end all bytes after the chunks: one leaf, the last.
 */
export function segmentRoot(sha256: Sha256, leaves: readonly Uint8Array[], end: Uint8Array): Uint8Array {
  return merkleRoot(sha256, [...leaves, leafHash(sha256, end)]);
}

export class ChunkTable {
  /** The table's own bytes: the associated data of the meta chunk. */
  readonly bytes: Uint8Array;
  readonly chunks: number;
  /** Chunk i is `[chunkAt[i], chunkAt[i + 1])` of the object. */
  readonly chunkAt: Float64Array;
  /** The chunks of a small segment, sealed, which came with the table. */
  readonly sealed: Uint8Array | undefined;

  /** @param bytes kept, so they must not be a view of something larger. */
  constructor(bytes: Uint8Array, sealed: Uint8Array | undefined, object: string) {
    const reader = new ByteReader(bytes, `${object} (chunk table)`);
    this.bytes = bytes;
    this.sealed = sealed;
    this.chunks = bytes.length / TABLE_ROW_BYTES;
    this.chunkAt = new Float64Array(this.chunks + 1);
    for (let i = 0; i < this.chunks; i++) {
      const chunkBytes = reader.u32();
      if (chunkBytes < CHUNK_OVERHEAD_BYTES || chunkBytes > CHUNK_BYTES_MAX)
        throw reader.corrupt(
          `expected a sealed chunk of ${CHUNK_OVERHEAD_BYTES} to ${CHUNK_BYTES_MAX} bytes, found ${chunkBytes}`,
        );
      this.chunkAt[i + 1] = this.chunkAt[i]! + chunkBytes;
      reader.raw(HASH_BYTES);
    }
  }

  /** What it keeps in memory, about. */
  get byteLength(): number {
    return this.bytes.length + 8 * this.chunks + (this.sealed?.length ?? 0);
  }

  /** Sealed bytes of a chunk. */
  chunkBytes(chunk: number): number {
    return this.chunkAt[chunk + 1]! - this.chunkAt[chunk]!;
  }

  leaf(chunk: number): Uint8Array {
    const end = (chunk + 1) * TABLE_ROW_BYTES;
    return this.bytes.subarray(end - HASH_BYTES, end);
  }

  /** Chunk `chunk` of sealed bytes that begin with chunk `from`. */
  slice(sealed: Uint8Array, from: number, chunk: number): Uint8Array {
    const base = this.chunkAt[from]!;
    return sealed.subarray(this.chunkAt[chunk]! - base, this.chunkAt[chunk + 1]! - base);
  }
}

/** What follows the chunks of a segment. */
export interface SegmentEnd {
  readonly table: ChunkTable;
  /** A view of what was read. */
  readonly sealedMeta: Uint8Array;
  readonly envelope: Envelope;
}

/**
 * Checks the end of a segment against what the manifest says of it; needs no key.
 * @param end the object's last `entry.metaBytes` bytes.
 * @param sealed all bytes before them, where they came along.
 * @throws HoldfastError CORRUPT, UNSUPPORTED_FORMAT.
 */
export function readSegmentEnd(
  sha256: Sha256,
  end: Uint8Array,
  sealed: Uint8Array | undefined,
  entry: ClearSegmentEntry,
  object: string,
): SegmentEnd {
  const reader = new ByteReader(end, `${object} (footer)`, Math.max(0, end.length - FOOTER_BYTES));
  const chunks = reader.u32();
  const sealedMetaBytes = reader.u32();
  const envelope = readEnvelope(reader, OBJECT_KIND.segment, object);
  reader.end();
  const tableBytes = chunks * TABLE_ROW_BYTES;
  if (tableBytes + sealedMetaBytes + FOOTER_BYTES !== end.length)
    throw corrupt(
      object,
      `expected a table and a meta chunk of ${end.length - FOOTER_BYTES} bytes in all, found ${chunks} chunks and ${sealedMetaBytes} bytes in its footer`,
    );
  if (envelope.epoch !== entry.epoch)
    throw corrupt(object, `expected epoch ${entry.epoch} in its footer, found ${envelope.epoch}`);
  if (!equalBytes(envelope.objectId, entry.id)) throw corrupt(object, 'it is another object');
  const table = new ChunkTable(end.slice(0, tableBytes), sealed, object);
  const leaves = Array.from({ length: chunks }, (_, i) => table.leaf(i));
  if (!equalBytes(segmentRoot(sha256, leaves, end), entry.root))
    throw corrupt(object, 'its Merkle root is not the one that the manifest names');
  const dataBytes = entry.bytes - entry.metaBytes;
  if (table.chunkAt[chunks] !== dataBytes)
    throw corrupt(
      object,
      `expected chunks of ${dataBytes} bytes in all, found ${table.chunkAt[chunks]} in its table`,
    );
  return { table, sealedMeta: end.subarray(tableBytes, tableBytes + sealedMetaBytes), envelope };
}
