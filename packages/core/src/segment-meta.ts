/**
 * The meta chunk of a segment: its chunks' sizes and Merkle leaves, its blocks' first keys, its filter
 * (FORMAT.md, "Segment").
 *
 * Invariant: a `SegmentMeta` agrees with itself and with the manifest entry it was read for: the sizes add up to
 * the object's, the block table ascends, counts, keys and versions are the entry's. What it says of the chunks'
 * contents is true only once they are read.
 */
import { CHUNK_OVERHEAD_BYTES, type ObjectCipher } from '@holdfast/crypto';
import { compareSlice } from './block.js';
import { ByteReader, ByteWriter, compareBytes, equalBytes } from './bytes.js';
import { ENVELOPE_BYTES } from './envelope.js';
import { corrupt } from './errors.js';
import { FILTER_PROBES, filterMayContain } from './filter.js';
import type { SegmentEntry } from './page.js';

/** Chunk count (u32), sealed bytes of the meta chunk (u32), envelope. */
export const FOOTER_BYTES: number = 8 + ENVELOPE_BYTES;
const HASH_BYTES = 32;

export interface MetaFields {
  /** Sealed bytes of each chunk. */
  readonly chunkBytes: readonly number[];
  /** Merkle leaf of each chunk. */
  readonly leaves: readonly Uint8Array[];
  readonly blocks: readonly { readonly chunk: number; readonly firstKey: Uint8Array }[];
  readonly lastKey: Uint8Array;
  readonly entries: number;
  readonly tombstones: number;
  /** Over entries with a version of their own; 0, 0 if none. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly filter: Uint8Array;
}

export function encodeMeta(meta: MetaFields): Uint8Array {
  const writer = new ByteWriter(4096 + meta.filter.length);
  writer.varint(meta.chunkBytes.length);
  for (const [i, bytes] of meta.chunkBytes.entries()) writer.varint(bytes).raw(meta.leaves[i]!);
  writer.varint(meta.blocks.length);
  let before = 0;
  for (const { chunk, firstKey } of meta.blocks) {
    writer.varint(chunk - before).bytes(firstKey);
    before = chunk;
  }
  writer.bytes(meta.lastKey).varint(meta.entries).varint(meta.tombstones);
  writer.varint(meta.minVersion).varint(meta.maxVersion);
  return writer.u8(FILTER_PROBES).bytes(meta.filter).finish();
}

/** The versions of all entries of a segment, given those that entries carry themselves and its run's stamp. */
export function coverVersions(
  own: { readonly minVersion: number; readonly maxVersion: number },
  stampVersion: number,
): { minVersion: number; maxVersion: number } {
  const { minVersion, maxVersion } = own;
  if (stampVersion === 0) return { minVersion, maxVersion };
  return {
    minVersion: minVersion === 0 ? stampVersion : Math.min(minVersion, stampVersion),
    maxVersion: Math.max(maxVersion, stampVersion),
  };
}

export class SegmentMeta {
  readonly #plaintext: Uint8Array;
  readonly #leafAt: Uint32Array;
  readonly #blockChunk: Uint32Array;
  readonly #keyAt: Uint32Array;
  readonly #keyEnd: Uint32Array;
  readonly #filter: Uint8Array;
  readonly #probes: number;
  /** Chunk i is `[chunkAt[i], chunkAt[i + 1])` of the object. */
  readonly chunkAt: Float64Array;
  readonly cipher: ObjectCipher;
  /** Where the cache holds each block: `SegmentSource` fills it in. */
  readonly cacheKeys: (string | undefined)[];
  /** The chunks of a small segment, sealed, which came with the meta chunk. */
  readonly sealed: Uint8Array | undefined;

  /**
   * @param plaintext of the meta chunk; kept, so it must not be a view of something larger.
   * @param chunks what the footer says.
   */
  constructor(
    plaintext: Uint8Array,
    chunks: number,
    entry: SegmentEntry,
    cipher: ObjectCipher,
    sealed: Uint8Array | undefined,
    object: string,
  ) {
    const label = `${object} (meta chunk)`;
    const reader = new ByteReader(plaintext, label);
    this.#plaintext = plaintext;
    this.cipher = cipher;
    this.sealed = sealed;

    const count = reader.count(1 + HASH_BYTES);
    if (count !== chunks || count === 0) throw corrupt(label, `expected ${chunks} chunks, found ${count}`);
    this.chunkAt = new Float64Array(count + 1);
    this.#leafAt = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const bytes = reader.varint();
      if (bytes < CHUNK_OVERHEAD_BYTES) throw reader.corrupt(`expected a sealed chunk, found ${bytes} bytes`);
      this.chunkAt[i + 1] = this.chunkAt[i]! + bytes;
      this.#leafAt[i] = reader.offset;
      reader.raw(HASH_BYTES);
    }
    if (this.chunkAt[count] !== entry.bytes - entry.metaBytes)
      throw reader.corrupt(
        `expected chunks of ${entry.bytes - entry.metaBytes} bytes in all, found ${this.chunkAt[count]}`,
      );

    const blocks = reader.count(2);
    if (blocks === 0) throw reader.corrupt('expected at least one block');
    this.#blockChunk = new Uint32Array(blocks);
    this.cacheKeys = new Array<string | undefined>(blocks);
    this.#keyAt = new Uint32Array(blocks);
    this.#keyEnd = new Uint32Array(blocks);
    let chunk = 0;
    for (let i = 0; i < blocks; i++) {
      const step = reader.varint();
      chunk += step;
      if (chunk >= count || (i > 0 && step === 0))
        throw reader.corrupt(
          `expected block ${i} in a chunk after the one before and below ${count}, found ${chunk}`,
        );
      this.#blockChunk[i] = chunk;
      const key = reader.bytes();
      if (i > 0 && this.compareFirstKey(i - 1, key) >= 0)
        throw reader.corrupt("expected blocks' first keys in ascending order");
      this.#keyEnd[i] = reader.offset;
      this.#keyAt[i] = reader.offset - key.length;
    }
    if (chunk !== count - 1)
      throw reader.corrupt(`expected the last block in chunk ${count - 1}, found ${chunk}`);

    const lastKey = reader.bytes();
    const own = { entries: reader.varint(), tombstones: reader.varint() };
    const covered = coverVersions(
      { minVersion: reader.varint(), maxVersion: reader.varint() },
      entry.stampVersion,
    );
    this.#probes = reader.u8();
    this.#filter = reader.bytes();
    if (this.#probes === 0 || this.#filter.length === 0) throw reader.corrupt('expected a filter');
    reader.end();
    if (
      own.entries !== entry.entries ||
      own.tombstones !== entry.tombstones ||
      covered.minVersion !== entry.minVersion ||
      covered.maxVersion !== entry.maxVersion ||
      !equalBytes(this.firstKey(0), entry.firstKey) ||
      !equalBytes(lastKey, entry.lastKey)
    )
      throw corrupt(label, 'its counts, versions or key range are not those that the manifest names');
    if (compareBytes(this.firstKey(blocks - 1), lastKey) > 0 || own.entries < blocks)
      throw corrupt(label, 'its block table does not fit its last key or number of entries');
  }

  get chunks(): number {
    return this.#leafAt.length;
  }

  get blocks(): number {
    return this.#blockChunk.length;
  }

  /** What it keeps in memory, about. */
  get byteLength(): number {
    return this.#plaintext.length + (this.sealed?.length ?? 0) + 12 * this.chunks + 140 * this.blocks + 1024;
  }

  /** Sealed bytes of a chunk. */
  chunkBytes(chunk: number): number {
    return this.chunkAt[chunk + 1]! - this.chunkAt[chunk]!;
  }

  leaf(chunk: number): Uint8Array {
    const at = this.#leafAt[chunk]!;
    return this.#plaintext.subarray(at, at + HASH_BYTES);
  }

  /** The chunk that block i is. */
  blockChunk(i: number): number {
    return this.#blockChunk[i]!;
  }

  firstKey(i: number): Uint8Array {
    return this.#plaintext.subarray(this.#keyAt[i]!, this.#keyEnd[i]!);
  }

  /** Order of block i's first key and `key`. */
  compareFirstKey(i: number, key: Uint8Array): number {
    return compareSlice(this.#plaintext, this.#keyAt[i]!, this.#keyEnd[i]!, key);
  }

  /** The last block whose first key is below `key`, or equal to it if `orEqual`; -1 if none is. */
  findBlock(key: Uint8Array, orEqual: boolean): number {
    let low = -1;
    let high = this.blocks - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const order = this.compareFirstKey(middle, key);
      if (order < 0 || (orEqual && order === 0)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  mayContain(key: Uint8Array): boolean {
    return filterMayContain(this.#filter, this.#probes, key);
  }
}
