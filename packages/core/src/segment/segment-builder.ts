/**
 * Builds a segment from entries in ascending key order (FORMAT.md, "Segment").
 *
 * Invariants:
 * - Nothing is sealed before all plaintext is known and hashed into the salt: two clones whose random source
 *   repeats itself share a key only where every byte they seal is the same.
 * - Memory is the plaintext and 8 bytes an entry for the filter; `finish` frees each chunk as it seals it into the
 *   output, so both together never weigh much more than one.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { leafHash } from '../merkle/merkle.js';
import { compareBytes, copyBytes } from '../object/bytes.js';
import { newCipher, type Sealing } from '../object/envelope.js';
import type { ObjectId } from '../object/names.js';
import { BlockBuilder, KIND_STREAM, KIND_VALUE } from './block-builder.js';
import { type Entry, VALUE_PIECE_BYTES } from './entry.js';
import { FilterBuilder } from './filter.js';
import type { RangeTombstone } from './range-tombstone.js';
import type { SegmentDescriptor } from './segment-entry.js';
import { encodeMeta } from './segment-meta.js';
import {
  CHUNK_BYTES_MAX,
  type ChunkRow,
  encodeFooter,
  encodeTable,
  FOOTER_BYTES,
  META_BYTES_MAX,
  segmentRoot,
  TABLE_ROW_BYTES,
} from './segment-table.js';

/** A block is closed when its entries hold this many bytes or more. */
export const BLOCK_BYTES: number = 32 * 1024;
const NOTHING = new Uint8Array(0);

export class SegmentBuilder {
  readonly #sealing: Sealing;
  readonly #id: ObjectId;
  readonly #blockBytes: number;
  readonly #block: BlockBuilder;
  readonly #filter = new FilterBuilder();

  /** Plaintext of the chunks, in order; views of the caller's bytes where a value is large. */
  readonly #chunks: Uint8Array[] = [];
  /** Their hashes, taken as they come, so that `finish` need not hash megabytes in one go. */
  readonly #hashes: Uint8Array[] = [];
  readonly #blocks: { chunk: number; firstKey: Uint8Array }[] = [];

  /** The key before: a copy, as callers reuse theirs. */
  #last = new Uint8Array(64);
  #lastLength = 0;
  #firstKey: Uint8Array | undefined;
  #blockFirstKey: Uint8Array | undefined;
  #entries = 0;
  #tombstones = 0;
  #minVersion = 0;
  #maxVersion = 0;
  #earliestExpiryMs = 0;
  readonly #ranges: RangeTombstone[] = [];
  /** Of what is closed: sealed chunks, their rows in the table, the blocks' first keys. */
  #bytes = 0;
  #finished = false;

  /** @param options `blockBytes`: size at which a block is closed, 32 KiB unless given. */
  constructor(sealing: Sealing, id: ObjectId, options: { readonly blockBytes?: number } = {}) {
    this.#sealing = sealing;
    this.#id = id;
    this.#blockBytes = options.blockBytes ?? BLOCK_BYTES;
    this.#block = new BlockBuilder(Math.min(this.#blockBytes, 2 * BLOCK_BYTES) + 4096);
  }

  /** What the object would weigh if it were finished now, in bytes: exact but for some lengths of numbers. */
  get bytes(): number {
    const open =
      this.#block.entries === 0 ? 0 : this.#block.bytes + CHUNK_OVERHEAD_BYTES + TABLE_ROW_BYTES + 32;
    return this.#bytes + open + this.#filter.bytes + this.#lastLength + FOOTER_BYTES + 48;
  }

  /**
   * Adds an entry. Its key is copied; a value over 64 KiB is not, so leave it as it is until the segment is
   * finished.
   * @throws RangeError for a key that is not above the one before, or a number that is not one.
   */
  add(entry: Entry): void {
    const { key, version, value, expiresMs, stream } = entry;
    this.#checkStamp(entry);
    if (stream && value!.length > VALUE_PIECE_BYTES)
      throw new RangeError(`Expected a stream's descriptor of at most ${VALUE_PIECE_BYTES} bytes.`);
    const shared = this.#follow(key);
    this.#blockFirstKey ??= copyBytes(key);
    this.#firstKey ??= this.#blockFirstKey;
    this.#filter.add(key);
    this.#entries++;
    this.#cover(version);
    if (expiresMs !== undefined && (this.#earliestExpiryMs === 0 || expiresMs < this.#earliestExpiryMs))
      this.#earliestExpiryMs = expiresMs;
    if (value === undefined) {
      this.#tombstones++;
      this.#block.addTombstone(entry, shared);
    } else if (value.length <= VALUE_PIECE_BYTES) {
      this.#block.addValue(entry, shared, stream ? KIND_STREAM : KIND_VALUE, value);
    } else {
      this.#block.addLarge(entry, shared, value.length, this.#chunks.length);
      for (let at = 0; at < value.length; at += VALUE_PIECE_BYTES)
        this.#close(value.subarray(at, at + VALUE_PIECE_BYTES));
    }
    if (this.#block.entryBytes >= this.#blockBytes) this.#closeBlock();
  }

  /**
   * Adds a range tombstone; they and the entries may come in any order among each other.
   * @throws RangeError for a range that is empty, not above the one before, or without a version.
   */
  addRange(range: RangeTombstone): void {
    this.#checkStamp(range);
    if (range.version === 0) throw new RangeError('Expected a range tombstone with a version, found 0.');
    const before = this.#ranges.at(-1);
    if (compareBytes(range.begin, range.end) >= 0 || (before && compareBytes(before.end, range.begin) > 0))
      throw new RangeError(
        'Expected range tombstones in ascending order, none empty or over the one before.',
      );
    const { version, order } = range;
    this.#ranges.push({ begin: copyBytes(range.begin), end: copyBytes(range.end), version, order });
    this.#cover(version);
    this.#bytes += range.begin.length + range.end.length + 12;
  }

  #checkStamp({ version, order }: { readonly version: number; readonly order: number }): void {
    if (this.#finished) throw new TypeError('This segment is finished: start a new builder.');
    if (!Number.isSafeInteger(version) || version < 0 || !Number.isSafeInteger(order) || order < 0)
      throw new RangeError(
        `Expected a version and an order from 0 to 2^53-1, found ${version} and ${order}.`,
      );
  }

  #cover(version: number): void {
    if (version === 0) return;
    this.#minVersion = this.#minVersion === 0 ? version : Math.min(this.#minVersion, version);
    this.#maxVersion = Math.max(this.#maxVersion, version);
  }

  /** Remembers `key`. Returns how many bytes it shares with the key before. */
  #follow(key: Uint8Array): number {
    const length = Math.min(key.length, this.#lastLength);
    let shared = 0;
    while (shared < length && key[shared] === this.#last[shared]) shared++;
    if (
      this.#entries > 0 &&
      (shared === key.length || (shared < length && key[shared]! < this.#last[shared]!))
    )
      throw new RangeError(
        `Expected keys in ascending order: entry ${this.#entries} is not above the one before.`,
      );
    if (key.length > this.#last.length) this.#last = new Uint8Array(key.length * 2);
    this.#last.set(key);
    this.#lastLength = key.length;
    return shared;
  }

  #closeBlock(): void {
    this.#blocks.push({ chunk: this.#chunks.length, firstKey: this.#blockFirstKey! });
    this.#bytes += this.#blockFirstKey!.length + 3;
    this.#blockFirstKey = undefined;
    this.#close(this.#block.finish());
  }

  /** Gives the next chunk number to a block or a piece. */
  #close(plaintext: Uint8Array): void {
    if (plaintext.length + CHUNK_OVERHEAD_BYTES > CHUNK_BYTES_MAX)
      throw new RangeError(
        `Expected a block of at most ${CHUNK_BYTES_MAX} bytes sealed, found ${plaintext.length} before: close it earlier.`,
      );
    this.#chunks.push(plaintext);
    this.#hashes.push(this.#sealing.provider.sha256(plaintext));
    this.#bytes += plaintext.length + CHUNK_OVERHEAD_BYTES + TABLE_ROW_BYTES;
  }

  /**
   * Closes what is open, and seals and joins it all.
   * @param allocate gives the memory for the object: for who builds many, and uses it again.
   * @returns the object's bytes and what the manifest needs to know of them.
   * @throws RangeError when nothing was added.
   */
  async finish(
    allocate: (length: number) => Uint8Array = (length) => new Uint8Array(length),
  ): Promise<{ bytes: Uint8Array; descriptor: SegmentDescriptor }> {
    if (this.#finished) throw new TypeError('This segment is finished: start a new builder.');
    if (this.#entries === 0 && this.#ranges.length === 0)
      throw new RangeError('Expected at least one entry or range: there is no empty segment.');
    this.#finished = true;
    if (this.#block.entries > 0) this.#closeBlock();
    const summary = {
      entries: this.#entries,
      tombstones: this.#tombstones,
      minVersion: this.#minVersion,
      maxVersion: this.#maxVersion,
      lastKey: this.#last.slice(0, this.#lastLength),
      earliestExpiryMs: this.#earliestExpiryMs,
    };
    const filter = this.#entries === 0 ? NOTHING : this.#filter.finish();
    const meta = encodeMeta({ ...summary, blocks: this.#blocks, ranges: this.#ranges, filter });
    const { bytes, metaBytes, root, epoch } = await this.#seal(meta, allocate);
    return {
      bytes,
      descriptor: {
        ...summary,
        id: this.#id,
        bytes: bytes.length,
        metaBytes,
        root,
        epoch,
        firstKey: this.#firstKey ?? NOTHING,
        ranges: this.#ranges.length,
        rangeBegin: this.#ranges[0]?.begin ?? NOTHING,
        rangeEnd: this.#ranges.at(-1)?.end ?? NOTHING,
      },
    };
  }

  /** @param meta plaintext of the meta chunk. */
  async #seal(
    meta: Uint8Array,
    allocate: (length: number) => Uint8Array,
  ): Promise<{ bytes: Uint8Array; metaBytes: number; root: Uint8Array; epoch: number }> {
    const { sha256 } = this.#sealing.provider;
    // Of all plaintext: it hedges against a random source that repeats itself, see `hedgedSalt`.
    const hash = sha256(...this.#hashes, sha256(meta));
    const { cipher, envelope } = await newCipher(this.#sealing, OBJECT_KIND.segment, this.#id, hash);
    const chunks = this.#chunks;
    const dataBytes = chunks.reduce((sum, { length }) => sum + length + CHUNK_OVERHEAD_BYTES, 0);
    const sealedMetaBytes = meta.length + CHUNK_OVERHEAD_BYTES;
    const metaBytes = chunks.length * TABLE_ROW_BYTES + sealedMetaBytes + FOOTER_BYTES;
    if (metaBytes > META_BYTES_MAX)
      throw new RangeError(
        `Expected at most ${META_BYTES_MAX} bytes of table and meta chunk, found ${metaBytes}: finish it earlier.`,
      );
    const bytes = allocate(dataBytes + metaBytes);
    let at = 0;
    const append = (part: Uint8Array): void => {
      bytes.set(part, at);
      at += part.length;
    };
    const rows: ChunkRow[] = [];
    for (const [i, plaintext] of chunks.entries()) {
      const sealed = await cipher.seal(i, false, plaintext);
      rows.push({ bytes: sealed.length, leaf: leafHash(sha256, sealed) });
      append(sealed);
      chunks[i] = NOTHING;
    }
    const table = encodeTable(rows);
    append(table);
    append(await cipher.seal(chunks.length, true, meta, table));
    append(encodeFooter(chunks.length, sealedMetaBytes, envelope));
    const leaves = rows.map(({ leaf }) => leaf);
    const root = segmentRoot(sha256, leaves, bytes.subarray(dataBytes));
    return { bytes, metaBytes, root, epoch: envelope.epoch };
  }
}
