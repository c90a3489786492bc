/**
 * Reads data blocks in place: a `Block` is the plaintext and its restart table, a `BlockCursor` walks it by
 * offsets, with one reused key buffer and no object per entry (FORMAT.md, "Data block").
 *
 * Invariants:
 * - Hostile plaintext yields `CORRUPT`, never an index out of bounds: every length is checked against the end of
 *   the entries, every group against its restarts.
 * - A forward cursor's keys strictly ascend and its offset strictly grows, so it ends.
 */

import { corrupt, type HoldfastError } from '../object/errors.js';
import {
  EXPIRES,
  KIND_LARGE,
  KIND_STREAM,
  KIND_TOMBSTONE,
  KIND_VALUE,
  RESTART_INTERVAL,
} from './block-builder.js';

/** Where each key of a block stands: see block-index.ts. */
interface Index {
  readonly byteLength: number;
  find(key: Uint8Array, hash: number): number;
}

export class Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the entries end and the restart table begins. */
  readonly entriesEnd: number;
  readonly restarts: number;
  /** How errors name the block. */
  readonly label: string;
  /** Made when the block is asked for keys again and again. */
  index: Index | undefined;
  /** How often it was asked for a key. */
  asked = 0;

  /** @param label names the object and the chunk. */
  constructor(bytes: Uint8Array, label: string) {
    this.bytes = bytes;
    this.label = label;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 8) throw corrupt(label, `expected a block of 8 bytes or more, found ${bytes.length}`);
    this.restarts = this.view.getUint32(bytes.length - 4);
    this.entriesEnd = bytes.length - 4 - 4 * this.restarts;
    if (this.restarts === 0 || this.entriesEnd <= 0)
      throw corrupt(
        label,
        `expected restarts that fit a block of ${bytes.length} bytes, found ${this.restarts}`,
      );
    let before = -1;
    for (let i = 0; i < this.restarts; i++) {
      const offset = this.restart(i);
      if (i === 0 ? offset !== 0 : offset <= before || offset >= this.entriesEnd)
        throw corrupt(
          label,
          `expected restart ${i} after ${before} and before ${this.entriesEnd}, found ${offset}`,
        );
      before = offset;
    }
  }

  get byteLength(): number {
    return this.bytes.length + (this.index?.byteLength ?? 0);
  }

  /** Offset of restart i; of the entries' end for the one past the last. */
  restart(i: number): number {
    return i === this.restarts ? this.entriesEnd : this.view.getUint32(this.entriesEnd + 4 * i);
  }
}

/** Order of `bytes[start, end)` and `key`, as in `compareBytes`. */
export function compareSlice(bytes: Uint8Array, start: number, end: number, key: Uint8Array): number {
  const length = Math.min(end - start, key.length);
  for (let i = 0; i < length; i++) {
    const difference = bytes[start + i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return end - start - key.length;
}

export class BlockCursor {
  #block: Block;
  #bytes: Uint8Array;
  /** Where the next entry begins. */
  #next = 0;
  /** The restart group of the current entry, where it ends, and how many of its entries have been read. */
  #group = 0;
  #groupEnd: number;
  #inGroup = 0;
  /** Whether `#key` holds the key before the next entry; not after a jump. */
  #follows = false;
  #key = new Uint8Array(64);
  #keyLength = 0;
  /** Where what stands behind the current key begins. */
  #headAt = 0;
  /** Of the group that a walk back is in. */
  #trail: GroupTrail | undefined;

  /** How many bytes of its key the current entry leaves to the one before it. */
  shared = 0;
  kind: number = KIND_TOMBSTONE;
  version: number = 0;
  order: number = 0;
  /** Milliseconds since 1970; 0: it does not expire. */
  expiresMs: number = 0;
  /** Bytes of the value, inline or large. */
  valueLength: number = 0;
  /** Kinds 1 and 3: offset of the value in the block. Kind 2: the chunk of its first piece. */
  valueAt: number = 0;

  constructor(block: Block) {
    this.#block = block;
    this.#bytes = block.bytes;
    this.#groupEnd = block.restart(1);
  }

  get block(): Block {
    return this.#block;
  }

  /** As a new cursor over another block. */
  reset(block: Block): void {
    this.#block = block;
    this.#bytes = block.bytes;
    this.#trail = undefined;
    this.#jump(0);
  }

  /** A view of the current key, valid until the cursor moves. */
  get key(): Uint8Array {
    return this.#key.subarray(0, this.#keyLength);
  }

  /** Offset where the entries read so far end. */
  get offset(): number {
    return this.#next;
  }

  /** A view of an inline value. */
  get inlineValue(): Uint8Array {
    return this.#bytes.subarray(this.valueAt, this.valueAt + this.valueLength);
  }

  compareKey(key: Uint8Array): number {
    return compareSlice(this.#key, 0, this.#keyLength, key);
  }

  corrupt(detail: string): HoldfastError {
    return corrupt(this.#block.label, `at offset ${this.#next}, ${detail}`);
  }

  #varint(): number {
    const end = this.#block.entriesEnd;
    const first = this.#bytes[this.#next]!;
    if (first < 0x80 && this.#next < end) {
      this.#next++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8 && this.#next < end; i++) {
      const byte = this.#bytes[this.#next++]!;
      if (byte < 0x80) {
        value += byte * scale;
        if ((byte === 0 && i > 0) || value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    throw this.corrupt('expected a varint below 2^53 in its shortest form');
  }

  #jump(group: number): void {
    this.#group = group;
    this.#next = this.#block.restart(group);
    this.#groupEnd = this.#block.restart(group + 1);
    this.#inGroup = 0;
    this.#follows = false;
  }

  /** Moves to the next entry; the first one on a new cursor. False: there is none. */
  next(): boolean {
    if (this.#next === this.#groupEnd) {
      if (this.#group + 1 >= this.#block.restarts) return false;
      if (this.#inGroup !== RESTART_INTERVAL)
        throw this.corrupt(`expected ${RESTART_INTERVAL} entries before a restart, found ${this.#inGroup}`);
      this.#group++;
      this.#groupEnd = this.#block.restart(this.#group + 1);
      this.#inGroup = 0;
    }
    if (this.#inGroup === RESTART_INTERVAL) throw this.corrupt('expected a restart');
    const shared = this.#varint();
    const suffix = this.#varint();
    if (shared > (this.#inGroup === 0 ? 0 : this.#keyLength))
      throw this.corrupt(`expected a key that shares less than ${shared} bytes`);
    if (suffix > this.#groupEnd - this.#next)
      throw this.corrupt(`expected ${suffix} more bytes of a key, found ${this.#groupEnd - this.#next}`);
    this.#takeKey(shared, suffix);
    this.shared = shared;
    this.#inGroup++;
    this.#headAt = this.#next;
    this.#takeHead();
    return true;
  }

  /**
   * Moves to the entry that begins at `offset` of a block: for one who has found it by `BlockIndex`, which has walked through the
   * whole block. There is no `key`, and no way on from here.
   */
  readAt(block: Block, offset: number): void {
    this.#block = block;
    this.#bytes = block.bytes;
    this.#next = offset;
    this.#groupEnd = block.entriesEnd;
    this.#varint();
    const suffix = this.#varint();
    this.#next += suffix;
    this.#takeHead();
  }

  /** What stands behind an entry's key. */
  #takeHead(): void {
    const kind = this.#bytes[this.#next++]!;
    this.version = this.#varint();
    this.order = this.#varint();
    if (kind > EXPIRES) {
      this.kind = kind - EXPIRES;
      this.expiresMs = this.#varint();
      if (this.expiresMs === 0) throw this.corrupt('expected a time of expiry after 1970, found 0');
    } else {
      this.kind = kind;
      this.expiresMs = 0;
    }
    if (this.kind === KIND_TOMBSTONE) {
      this.valueLength = 0;
      this.valueAt = this.#next;
    } else if (this.kind === KIND_VALUE || this.kind === KIND_STREAM) {
      this.valueLength = this.#varint();
      this.valueAt = this.#next;
      this.#next += this.valueLength;
    } else if (this.kind === KIND_LARGE) {
      this.valueLength = this.#varint();
      this.valueAt = this.#varint();
    } else throw this.corrupt(`expected an entry of kind 0 to 3, or 17 to 19, found ${kind}`);
    if (this.#next > this.#groupEnd)
      throw this.corrupt(`expected the entry to end at ${this.#groupEnd} or before`);
  }

  /** Takes the suffix into the key buffer, having checked that the new key is above the one before. */
  #takeKey(shared: number, suffix: number): void {
    const start = this.#next;
    if (this.#follows) {
      const before = this.#keyLength - shared;
      const length = Math.min(before, suffix);
      let i = 0;
      while (i < length && this.#key[shared + i] === this.#bytes[start + i]) i++;
      if (i < length ? this.#key[shared + i]! > this.#bytes[start + i]! : suffix <= before)
        throw this.corrupt('expected keys in ascending order');
    }
    const length = shared + suffix;
    if (length > this.#key.length) {
      const grown = new Uint8Array(Math.max(length, this.#key.length * 2));
      grown.set(this.#key.subarray(0, shared));
      this.#key = grown;
    }
    for (let i = 0; i < suffix; i++) this.#key[shared + i] = this.#bytes[start + i]!;
    this.#keyLength = length;
    this.#next = start + suffix;
    this.#follows = true;
  }

  /** Moves to the entry before. False: there is none, and the cursor stays. */
  previous(): boolean {
    let [group, n] = [this.#group, this.#inGroup - 1];
    if (n < 1) {
      if (group === 0) return false;
      group--;
      n = RESTART_INTERVAL;
    }
    this.#trail ??= new GroupTrail();
    if (this.#trail.group !== group || this.#trail.length < n) {
      this.#record(this.#trail, group, n);
      return true;
    }
    this.#follow(this.#trail, n);
    return true;
  }

  /** Moves to the n-th entry (from 1) of a group, and remembers those before it: a walk back will want them. */
  #record(trail: GroupTrail, group: number, n: number): void {
    this.#jump(group);
    trail.begin(group);
    for (let i = 0; i < n; i++) {
      if (!this.next()) throw this.corrupt(`expected ${n} entries in group ${group}`);
      trail.add(this.#key, this.#keyLength, this.#headAt);
    }
  }

  /** Moves to the n-th entry of the group that is remembered. */
  #follow(trail: GroupTrail, n: number): void {
    const start = trail.keyAt[n - 1]!;
    this.#keyLength = trail.keyAt[n]! - start;
    for (let i = 0; i < this.#keyLength; i++) this.#key[i] = trail.keys[start + i]!;
    this.#next = trail.headAt[n - 1]!;
    this.#group = trail.group;
    this.#groupEnd = this.#block.restart(trail.group + 1);
    this.#inGroup = n;
    this.#follows = true;
    this.#takeHead();
  }

  /** Moves to the last entry. True: a block is never empty. */
  last(): boolean {
    this.#jump(this.#block.restarts - 1);
    let found = false;
    while (this.next()) found = true;
    return found;
  }

  /** Moves to the n-th entry (from 1) of a group. */
  #replay(group: number, n: number): void {
    this.#jump(group);
    for (let i = 0; i < n; i++)
      if (!this.next()) throw this.corrupt(`expected ${n} entries in group ${group}`);
  }

  /** The last group whose first key compares below `key` (or equal to it, if `orEqual`); 0 if none does. */
  #findGroup(key: Uint8Array, orEqual: boolean): number {
    let low = 0;
    let high = this.#block.restarts - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const order = this.#compareRestart(middle, key);
      if (order < 0 || (orEqual && order === 0)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #compareRestart(group: number, key: Uint8Array): number {
    this.#jump(group);
    if (this.#varint() !== 0) throw this.corrupt('expected a restart to share nothing');
    const length = this.#varint();
    if (length > this.#groupEnd - this.#next) throw this.corrupt(`expected ${length} more bytes of a key`);
    return compareSlice(this.#bytes, this.#next, this.#next + length, key);
  }

  /** Moves to the first entry whose key is `key` or above it. False: there is none. */
  seek(key: Uint8Array): boolean {
    this.#jump(this.#findGroup(key, true));
    while (this.next()) if (this.compareKey(key) >= 0) return true;
    return false;
  }

  /** Moves to the last entry whose key is below `key`. False: there is none. */
  seekBefore(key: Uint8Array): boolean {
    const group = this.#findGroup(key, false);
    this.#jump(group);
    let below = 0;
    while (below < RESTART_INTERVAL && this.next() && this.compareKey(key) < 0) below++;
    if (below === 0) return false;
    this.#replay(group, below);
    return true;
  }
}

/** The first entries of one group, for a walk back through it. */
class GroupTrail {
  group = -1;
  length = 0;
  /** Their keys, whole, one after another: the n-th is `[keyAt[n], keyAt[n + 1])`. */
  keys = new Uint8Array(1024);
  readonly keyAt = new Uint32Array(RESTART_INTERVAL + 1);
  /** Where what stands behind each key begins in the block. */
  readonly headAt = new Uint32Array(RESTART_INTERVAL);

  begin(group: number): void {
    this.group = group;
    this.length = 0;
  }

  add(key: Uint8Array, length: number, headAt: number): void {
    const at = this.keyAt[this.length]!;
    if (at + length > this.keys.length) {
      const grown = new Uint8Array(2 * (at + length));
      grown.set(this.keys);
      this.keys = grown;
    }
    for (let i = 0; i < length; i++) this.keys[at + i] = key[i]!;
    this.headAt[this.length++] = headAt;
    this.keyAt[this.length] = at + length;
  }
}
