/**
 * Where each key of a block stands, by its hash: for blocks that are asked again and again. Made in memory, never
 * stored.
 *
 * Invariants:
 * - It is made by one walk through the whole block, with all of a walk's checks. What it answers is then exact: a
 *   place is told only where the very key stands.
 * - A key is compared where it lies. An entry says of it only what differs from the key before, so the entries
 *   before it say the rest, back to the restart at most.
 */
import { type Block, BlockCursor } from './block.js';
import { hashOf } from './filter.js';

/** Entries of a block: a number of them, and nothing for none, in 16 bits. */
const ENTRIES_MAX = 0xffff;

export class BlockIndex {
  readonly #bytes: Uint8Array;
  /** Where each entry begins. */
  readonly #offsets: Uint16Array | Uint32Array;
  /** Entry numbers from 1, at their key's hash or after it; 0: none. */
  readonly #places: Uint16Array;

  /** Undefined: it has too many entries. @throws HoldfastError CORRUPT, as a walk does. */
  static of(block: Block): BlockIndex | undefined {
    const offsets: number[] = [];
    const hashes: number[] = [];
    const cursor = new BlockCursor(block);
    for (let offset = 0; cursor.next(); offset = cursor.offset) {
      offsets.push(offset);
      hashes.push(hashOf(cursor.key));
    }
    if (offsets.length > ENTRIES_MAX) return undefined;
    return new BlockIndex(block, offsets, hashes);
  }

  private constructor(block: Block, offsets: readonly number[], hashes: readonly number[]) {
    this.#bytes = block.bytes;
    this.#offsets = block.entriesEnd > 0xffff ? Uint32Array.from(offsets) : Uint16Array.from(offsets);
    // At most two of three places are taken.
    this.#places = new Uint16Array(2 ** Math.ceil(Math.log2(offsets.length * 1.5)));
    const mask = this.#places.length - 1;
    for (let i = 0; i < hashes.length; i++) {
      let at = spread(hashes[i]!) & mask;
      while (this.#places[at] !== 0) at = (at + 1) & mask;
      this.#places[at] = i + 1;
    }
  }

  get byteLength(): number {
    return this.#offsets.byteLength + this.#places.byteLength;
  }

  /**
   * The offset of the entry with this key; -1: there is none.
   * @param hash its `hashOf`.
   */
  find(key: Uint8Array, hash: number): number {
    const mask = this.#places.length - 1;
    for (let at = spread(hash) & mask; ; at = (at + 1) & mask) {
      const place = this.#places[at]!;
      if (place === 0) return -1;
      if (this.#isAt(place - 1, key)) return this.#offsets[place - 1]!;
    }
  }

  #isAt(entry: number, key: Uint8Array): boolean {
    const bytes = this.#bytes;
    /** What of the key is still to be compared: its first `left` bytes. */
    let left = key.length;
    for (let i = entry; ; i--) {
      let at = this.#offsets[i]!;
      // Varints, which the walk has checked.
      let shared = bytes[at++]!;
      if (shared >= 0x80) {
        shared &= 0x7f;
        for (let shift = 7; ; shift += 7) {
          const byte = bytes[at++]!;
          shared |= (byte & 0x7f) << shift;
          if (byte < 0x80) break;
        }
      }
      if (i === entry) {
        let suffix = bytes[at++]!;
        if (suffix >= 0x80) {
          suffix &= 0x7f;
          for (let shift = 7; ; shift += 7) {
            const byte = bytes[at++]!;
            suffix |= (byte & 0x7f) << shift;
            if (byte < 0x80) break;
          }
        }
        if (shared + suffix !== left) return false;
      } else if (shared >= left) continue;
      else while (bytes[at++]! >= 0x80);
      for (let k = shared; k < left; k++) if (bytes[at + k - shared] !== key[k]) return false;
      if (shared === 0) return true;
      left = shared;
    }
  }
}

/** FNV's low bits are its best, and its next ones are not much worse. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
