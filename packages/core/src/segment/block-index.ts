/**
 * Where each key of a block stands, by its hash: for blocks that are asked again and again. Made in memory, never
 * stored.
 *
 * An entry says of its key only what differs from the key before, so the rest is kept here: what all keys of the block
 * begin with, once, and the few bytes between that and what the entry says. A look then touches the entry itself and
 * no other.
 *
 * Invariant: it is made by one walk through the whole block, with all of a walk's checks. What it answers is then exact:
 * a place is told only where the very key stands.
 */
import { type Block, BlockCursor } from './block.js';
import { hashOf } from './filter.js';

/** Entries of a block: a number of them, and nothing for none, in 16 bits. */
const ENTRIES_MAX = 0xffff;

export class BlockIndex {
  readonly #bytes: Uint8Array;
  /** How many places there are, less one: all ones. */
  readonly #mask: number;
  /**
   * Places: entry numbers from 1, at their key's hash or after it; 0: none. Then where each entry begins in the block.
   * Then where each one's middle begins, and where the last ends.
   */
  readonly #table: Uint16Array | Uint32Array;
  /** Where in the table the entries' offsets begin, and the middles'. */
  readonly #offsets: number;
  readonly #middles: number;
  /** What all keys begin with; then the middles: of each key what lies between that and what its entry says. */
  readonly #text: Uint8Array;
  readonly #common: number;

  /** Undefined: it has too many entries. @throws HoldfastError CORRUPT, as a walk does. */
  static of(block: Block): BlockIndex | undefined {
    const offsets: number[] = [];
    const hashes: number[] = [];
    const shared: number[] = [];
    const cursor = new BlockCursor(block);
    let first: Uint8Array | undefined;
    for (let offset = 0; cursor.next(); offset = cursor.offset) {
      const { key } = cursor;
      first ??= key.slice();
      offsets.push(offset);
      hashes.push(hashOf(key));
      shared.push(cursor.shared);
    }
    if (offsets.length > ENTRIES_MAX) return undefined;
    // The keys ascend: what the first and the last begin with, all do.
    const last = cursor.key;
    let common = 0;
    while (common < first!.length && common < last.length && first![common] === last[common]) common++;
    let textBytes = common;
    for (const bytes of shared) textBytes += Math.max(0, bytes - common);
    const text = new Uint8Array(textBytes);
    text.set(first!.subarray(0, common));
    return new BlockIndex(block, { offsets, hashes, shared, common, text });
  }

  private constructor(
    block: Block,
    parts: {
      readonly offsets: readonly number[];
      readonly hashes: readonly number[];
      readonly shared: readonly number[];
      readonly common: number;
      readonly text: Uint8Array;
    },
  ) {
    const { offsets, hashes, shared, common, text } = parts;
    const count = offsets.length;
    // At most two of three places are taken.
    const places = 2 ** Math.ceil(Math.log2(count * 1.5));
    const isShort = block.entriesEnd <= 0xffff && text.length <= 0xffff;
    const table = isShort ? new Uint16Array(places + 2 * count + 1) : new Uint32Array(places + 2 * count + 1);
    this.#bytes = block.bytes;
    this.#mask = places - 1;
    this.#table = table;
    this.#offsets = places;
    this.#middles = places + count;
    this.#text = text;
    this.#common = common;
    const cursor = new BlockCursor(block);
    let end = common;
    for (let i = 0; i < count; i++) {
      cursor.next();
      let at = spread(hashes[i]!) & this.#mask;
      while (table[at] !== 0) at = (at + 1) & this.#mask;
      table[at] = i + 1;
      table[this.#offsets + i] = offsets[i]!;
      table[this.#middles + i] = end;
      if (shared[i]! <= common) continue;
      text.set(cursor.key.subarray(common, shared[i]), end);
      end += shared[i]! - common;
    }
    table[this.#middles + count] = end;
  }

  get byteLength(): number {
    return this.#table.byteLength + this.#text.byteLength;
  }

  /**
   * The offset of the entry with this key; -1: there is none.
   * @param hash its `hashOf`.
   */
  find(key: Uint8Array, hash: number): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let at = spread(hash) & mask; ; at = (at + 1) & mask) {
      const place = table[at]!;
      if (place === 0) return -1;
      const offset = table[this.#offsets + place - 1]!;
      if (this.#isAt(place - 1, offset, key)) return offset;
    }
  }

  #isAt(entry: number, offset: number, key: Uint8Array): boolean {
    const bytes = this.#bytes;
    let at = offset;
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
    let suffix = bytes[at++]!;
    if (suffix >= 0x80) {
      suffix &= 0x7f;
      for (let shift = 7; ; shift += 7) {
        const byte = bytes[at++]!;
        suffix |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
    }
    if (shared + suffix !== key.length) return false;
    for (let k = shared; k < key.length; k++) if (bytes[at++] !== key[k]) return false;
    const text = this.#text;
    const common = this.#common;
    for (let k = common, from = this.#table[this.#middles + entry]!; k < shared; k++, from++)
      if (text[from] !== key[k]) return false;
    for (let k = Math.min(common, shared) - 1; k >= 0; k--) if (text[k] !== key[k]) return false;
    return true;
  }
}

/** FNV's low bits are its best, and its next ones are not much worse. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
