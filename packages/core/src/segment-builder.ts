/**
 * Builds a segment from entries in ascending key order, sealing each block as it closes (FORMAT.md, "Segment").
 *
 * Invariants:
 * - Chunk numbers are given out in the order of `add`, each sealed once, under a key that no other object has.
 * - Memory is the sealed output, one open block and 8 bytes an entry for the filter, if each `add` is awaited.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND, type ObjectCipher } from '@holdfast/crypto';
import { BlockBuilder } from './block-builder.js';
import { ByteWriter } from './bytes.js';
import { type Entry, VALUE_PIECE_BYTES } from './entry.js';
import { type Envelope, newCipher, type Sealing, writeEnvelope } from './envelope.js';
import { FilterBuilder } from './filter.js';
import { leafHash, merkleRoot } from './merkle.js';
import type { ObjectId } from './names.js';
import { encodeMeta, FOOTER_BYTES } from './segment-meta.js';

/** A block is closed when its entries hold this many bytes or more. */
export const BLOCK_BYTES: number = 32 * 1024;

/** What a builder says of a finished segment. */
export interface SegmentDescriptor {
  readonly id: ObjectId;
  /** Of the whole object. */
  readonly bytes: number;
  /** Of its meta chunk and footer together. */
  readonly metaBytes: number;
  /** Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  readonly epoch: number;
  readonly entries: number;
  readonly tombstones: number;
  /** Over entries with a version of their own; 0, 0 if none. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

export class SegmentBuilder {
  readonly #sealing: Sealing;
  readonly #id: ObjectId;
  readonly #blockBytes: number;
  #block: BlockBuilder;
  readonly #filter = new FilterBuilder();

  readonly #chunks: Uint8Array[] = [];
  readonly #leaves: Uint8Array[] = [];
  readonly #chunkBytes: number[] = [];
  readonly #blocks: { chunk: number; firstKey: Uint8Array }[] = [];
  /** Everything that is being sealed, in order. */
  #sealed: Promise<void> = Promise.resolve();
  #cipher: { cipher: ObjectCipher; envelope: Envelope } | undefined;

  /** The key before: a copy, as callers reuse theirs. */
  #last = new Uint8Array(64);
  #lastLength = 0;
  #firstKey: Uint8Array | undefined;
  #blockFirstKey: Uint8Array | undefined;
  #entries = 0;
  #tombstones = 0;
  #minVersion = 0;
  #maxVersion = 0;
  #bytes = 0;
  #finished = false;

  /** @param options `blockBytes`: size at which a block is closed, 32 KiB unless given. */
  constructor(sealing: Sealing, id: ObjectId, options: { readonly blockBytes?: number } = {}) {
    this.#sealing = sealing;
    this.#id = id;
    this.#blockBytes = options.blockBytes ?? BLOCK_BYTES;
    this.#block = this.#newBlock();
  }

  #newBlock(): BlockBuilder {
    return new BlockBuilder(Math.min(this.#blockBytes, 2 * BLOCK_BYTES) + 4096);
  }

  /** What the object would weigh if it were finished now, in bytes: exact but for some lengths of numbers. */
  get bytes(): number {
    const open = this.#block.entries === 0 ? 0 : this.#block.bytes + CHUNK_OVERHEAD_BYTES + 64;
    return this.#bytes + open + this.#filter.bytes + this.#lastLength + FOOTER_BYTES + 48;
  }

  /**
   * Adds an entry. Where it returns a promise, await it before adding more, and leave the value as it is until
   * then: a block or a large value is being sealed.
   * @throws RangeError for a key that is not above the one before, or a number that is not one.
   */
  add(entry: Entry): Promise<void> | void {
    const { key, version, order, value } = entry;
    if (this.#finished) throw new TypeError('This segment is finished: start a new builder.');
    if (!Number.isSafeInteger(version) || version < 0 || !Number.isSafeInteger(order) || order < 0)
      throw new RangeError(
        `Expected a version and an order from 0 to 2^53-1, found ${version} and ${order}.`,
      );
    const shared = this.#follow(key);
    this.#blockFirstKey ??= key.slice();
    this.#firstKey ??= this.#blockFirstKey;
    this.#filter.add(key);
    this.#entries++;
    if (version !== 0) {
      this.#minVersion = this.#minVersion === 0 ? version : Math.min(this.#minVersion, version);
      this.#maxVersion = Math.max(this.#maxVersion, version);
    }
    let waiting: Promise<void> | undefined;
    if (value === undefined) {
      this.#tombstones++;
      this.#block.addTombstone(key, shared, version, order);
    } else if (value.length <= VALUE_PIECE_BYTES) {
      this.#block.addValue(key, shared, version, order, value);
    } else {
      this.#block.addLarge(key, shared, version, order, value.length, this.#chunkBytes.length);
      for (let at = 0; at < value.length; at += VALUE_PIECE_BYTES)
        waiting = this.#seal(value.subarray(at, at + VALUE_PIECE_BYTES));
    }
    if (this.#block.entryBytes >= this.#blockBytes) waiting = this.#closeBlock();
    return waiting;
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

  #closeBlock(): Promise<void> {
    const chunk = this.#chunkBytes.length;
    this.#blocks.push({ chunk, firstKey: this.#blockFirstKey! });
    this.#bytes += this.#blockFirstKey!.length + 3;
    this.#blockFirstKey = undefined;
    const plaintext = this.#block.finish();
    this.#block = this.#newBlock();
    return this.#seal(plaintext);
  }

  /** Takes the next chunk number now; seals when those before are sealed. */
  #seal(plaintext: Uint8Array): Promise<void> {
    const chunk = this.#chunkBytes.length;
    const bytes = plaintext.length + CHUNK_OVERHEAD_BYTES;
    this.#chunkBytes.push(bytes);
    this.#bytes += bytes + 3 + 32;
    this.#sealed = this.#sealed.then(async () => {
      // The hash hedges against a random source that repeats itself: see `hedgedSalt`.
      this.#cipher ??= await newCipher(
        this.#sealing,
        OBJECT_KIND.segment,
        this.#id,
        this.#sealing.provider.sha256(plaintext),
      );
      const sealed = await this.#cipher.cipher.seal(chunk, false, plaintext);
      this.#chunks.push(sealed);
      this.#leaves.push(leafHash(this.#sealing.provider.sha256, sealed));
    });
    return this.#sealed;
  }

  /**
   * Seals what is open and joins it all.
   * @returns the object's bytes and what the manifest needs to know of them.
   * @throws RangeError when nothing was added.
   */
  async finish(): Promise<{ bytes: Uint8Array; descriptor: SegmentDescriptor }> {
    if (this.#finished) throw new TypeError('This segment is finished: start a new builder.');
    if (this.#entries === 0) throw new RangeError('Expected at least one entry: there is no empty segment.');
    this.#finished = true;
    if (this.#block.entries > 0) this.#closeBlock();
    await this.#sealed;
    const { cipher, envelope } = this.#cipher!;
    const { sha256 } = this.#sealing.provider;
    const chunks = this.#chunks.length;
    const lastKey = this.#last.slice(0, this.#lastLength);
    const summary = {
      entries: this.#entries,
      tombstones: this.#tombstones,
      minVersion: this.#minVersion,
      maxVersion: this.#maxVersion,
      lastKey,
    };
    const meta = encodeMeta({
      ...summary,
      chunkBytes: this.#chunkBytes,
      leaves: this.#leaves,
      blocks: this.#blocks,
      filter: this.#filter.finish(),
    });
    const sealedMeta = await cipher.seal(chunks, true, meta);
    const footerWriter = new ByteWriter(FOOTER_BYTES).u32(chunks).u32(sealedMeta.length);
    writeEnvelope(footerWriter, envelope);
    const footer = footerWriter.finish();
    const root = merkleRoot(sha256, [
      ...this.#leaves,
      leafHash(sha256, sealedMeta),
      leafHash(sha256, footer),
    ]);
    const metaBytes = sealedMeta.length + footer.length;
    const bytes = this.#join(sealedMeta, footer);
    return {
      bytes,
      descriptor: {
        ...summary,
        id: this.#id,
        bytes: bytes.length,
        metaBytes,
        root,
        epoch: envelope.epoch,
        firstKey: this.#firstKey!,
      },
    };
  }

  #join(...end: readonly Uint8Array[]): Uint8Array {
    const parts = [...this.#chunks, ...end];
    this.#chunks.length = 0;
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
