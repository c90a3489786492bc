/**
 * The meta chunk of a segment: its blocks' first keys, its counts, its filter (FORMAT.md, "Segment").
 *
 * Invariant: a `SegmentMeta` agrees with itself, with the chunk table and with the manifest entry it was read for:
 * the block table ascends, counts, keys and versions are the entry's. What it says of the chunks' contents is true
 * only once they are read.
 */
import type { ObjectCipher } from '@holdfast/crypto';
import { ByteReader, ByteWriter, compareBytes, equalBytes } from '../object/bytes.js';
import { corrupt } from '../object/errors.js';
import { compareSlice } from './block.js';
import { FILTER_PROBES, filterMayContain, type SoughtKey } from './filter.js';
import { type RangeTombstone, rangeAfter, readRange, writeRange } from './range-tombstone.js';
import { coverVersions, type SegmentEntry } from './segment-entry.js';
import type { ChunkTable } from './segment-table.js';

export interface MetaFields {
  readonly blocks: readonly { readonly chunk: number; readonly firstKey: Uint8Array }[];
  readonly lastKey: Uint8Array;
  readonly entries: number;
  readonly tombstones: number;
  /** Over entries with a version of their own; 0, 0 if none. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Milliseconds since 1970; 0: no entry expires. */
  readonly earliestExpiryMs: number;
  readonly ranges: readonly RangeTombstone[];
  readonly filter: Uint8Array;
}

export function encodeMeta(meta: MetaFields): Uint8Array {
  const writer = new ByteWriter(4096 + meta.filter.length);
  writer.varint(meta.blocks.length);
  let before = 0;
  for (const { chunk, firstKey } of meta.blocks) {
    writer.varint(chunk - before).bytes(firstKey);
    before = chunk;
  }
  writer.bytes(meta.lastKey).varint(meta.entries).varint(meta.tombstones);
  writer.varint(meta.minVersion).varint(meta.maxVersion).varint(meta.earliestExpiryMs);
  writer.varint(meta.ranges.length);
  for (const range of meta.ranges) {
    writeRange(writer, range);
    writer.varint(range.version).varint(range.order);
  }
  return writer.u8(FILTER_PROBES).bytes(meta.filter).finish();
}

const NOTHING = new Uint8Array(0);

export class SegmentMeta {
  readonly #plaintext: Uint8Array;
  readonly #blockChunk: Uint32Array;
  readonly #keyAt: Uint32Array;
  readonly #keyEnd: Uint32Array;
  readonly #filter: Uint8Array;
  readonly #probes: number;
  readonly table: ChunkTable;
  readonly cipher: ObjectCipher;
  /** Fragmented. */
  readonly ranges: readonly RangeTombstone[];

  /**
   * @param plaintext of the meta chunk; kept, so it must not be a view of something larger.
   */
  constructor(
    plaintext: Uint8Array,
    table: ChunkTable,
    entry: SegmentEntry,
    cipher: ObjectCipher,
    object: string,
  ) {
    const label = `${object} (meta chunk)`;
    const reader = new ByteReader(plaintext, label);
    this.#plaintext = plaintext;
    this.table = table;
    this.cipher = cipher;

    const blocks = reader.count(2);
    if ((blocks === 0) !== (table.chunks === 0) || (blocks === 0) !== (entry.entries === 0))
      throw reader.corrupt(
        `expected blocks for ${entry.entries} entries in ${table.chunks} chunks, found ${blocks}`,
      );
    this.#blockChunk = new Uint32Array(blocks);
    this.#keyAt = new Uint32Array(blocks);
    this.#keyEnd = new Uint32Array(blocks);
    let chunk = 0;
    for (let i = 0; i < blocks; i++) {
      const step = reader.varint();
      chunk += step;
      if (chunk >= table.chunks || (i > 0 && step === 0))
        throw reader.corrupt(
          `expected block ${i} in a chunk after the one before and below ${table.chunks}, found ${chunk}`,
        );
      this.#blockChunk[i] = chunk;
      const key = reader.bytes();
      if (i > 0 && this.compareFirstKey(i - 1, key) >= 0)
        throw reader.corrupt("expected blocks' first keys in ascending order");
      this.#keyEnd[i] = reader.offset;
      this.#keyAt[i] = reader.offset - key.length;
    }
    if (blocks > 0 && chunk !== table.chunks - 1)
      throw reader.corrupt(`expected the last block in chunk ${table.chunks - 1}, found ${chunk}`);

    const lastKey = reader.bytes();
    const own = { entries: reader.varint(), tombstones: reader.varint() };
    const covered = coverVersions(
      { minVersion: reader.varint(), maxVersion: reader.varint() },
      entry.stampVersion,
    );
    const earliestExpiryMs = reader.varint();
    this.ranges = readRanges(reader);
    this.#probes = reader.u8();
    this.#filter = reader.bytes();
    if (this.#probes === 0 || (this.#filter.length === 0) !== (blocks === 0))
      throw reader.corrupt('expected a filter');
    reader.end();
    if (
      earliestExpiryMs !== entry.earliestExpiryMs ||
      this.ranges.length !== entry.ranges ||
      !equalBytes(this.ranges[0]?.begin ?? NOTHING, entry.rangeBegin) ||
      !equalBytes(this.ranges.at(-1)?.end ?? NOTHING, entry.rangeEnd)
    )
      throw corrupt(label, 'its range tombstones or earliest expiry are not those that the manifest names');
    if (
      own.entries !== entry.entries ||
      own.tombstones !== entry.tombstones ||
      covered.minVersion !== entry.minVersion ||
      covered.maxVersion !== entry.maxVersion ||
      !equalBytes(blocks === 0 ? NOTHING : this.firstKey(0), entry.firstKey) ||
      !equalBytes(lastKey, entry.lastKey)
    )
      throw corrupt(label, 'its counts, versions or key range are not those that the manifest names');
    if (blocks === 0) return;
    if (compareBytes(this.firstKey(blocks - 1), lastKey) > 0 || own.entries < blocks)
      throw corrupt(label, 'its block table does not fit its last key or number of entries');
  }

  get blocks(): number {
    return this.#blockChunk.length;
  }

  /** What it keeps in memory, about. */
  get byteLength(): number {
    return (
      this.#plaintext.length + this.table.byteLength + 12 * this.blocks + 200 * this.ranges.length + 1024
    );
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

  /** The range tombstone over a key. */
  rangeOver(key: Uint8Array): RangeTombstone | undefined {
    const range = this.ranges[rangeAfter(this.ranges, key)];
    return range && compareBytes(range.begin, key) <= 0 ? range : undefined;
  }

  mayContain(key: SoughtKey): boolean {
    if (this.#filter.length === 0) return false;
    return filterMayContain(this.#filter, this.#probes, key);
  }
}

function readRanges(reader: ByteReader): RangeTombstone[] {
  const ranges: RangeTombstone[] = [];
  for (let left = reader.count(5); left > 0; left--) {
    const range = readRange(reader, ranges.at(-1), true);
    const version = reader.varint();
    const order = reader.varint();
    if (version === 0) throw reader.corrupt('expected a range tombstone with a version of its own');
    ranges.push({ ...range, version, order });
  }
  return ranges;
}
