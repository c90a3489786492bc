/**
 * The Bloom filter of a segment (FORMAT.md, "Segment"): it may say "perhaps" for a key that is not there (about
 * 1 %), and never "no" for one that is.
 *
 * Probe i is bit (h1 + i * h2) mod m, summed modulo 2^32; bit j is bit j mod 8 (1, 2, 4, ...) of byte j / 8.
 */
const FNV_PRIME = 0x01000193;
const BASIS_1 = 0x811c9dc5;
const BASIS_2 = 0x9747b28c;
const BITS_PER_KEY = 10;
export const FILTER_PROBES = 7;

/** 32-bit FNV-1a from a given offset basis. */
function fnv1a(key: Uint8Array, basis: number): number {
  let hash = basis;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, FNV_PRIME);
  return hash >>> 0;
}

/** A key that is looked for in many places: its hashes are worked out once, when the first of them asks. */
export class SoughtKey {
  readonly bytes: Uint8Array;
  #first = -1;
  #second = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Unsigned, 32 bits: where the probes of a filter begin. */
  get hash(): number {
    if (this.#first < 0) this.#work();
    return this.#first;
  }

  /** Their step: odd. */
  get step(): number {
    if (this.#first < 0) this.#work();
    return this.#second;
  }

  #work(): void {
    const { bytes } = this;
    let first = BASIS_1;
    let second = BASIS_2;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      first = Math.imul(first ^ byte, FNV_PRIME);
      second = Math.imul(second ^ byte, FNV_PRIME);
    }
    this.#first = first >>> 0;
    this.#second = (second | 1) >>> 0;
  }
}

/** The first hash alone. */
export function hashOf(key: Uint8Array): number {
  return fnv1a(key, BASIS_1);
}

/** Collects keys, 8 bytes each, until their number and so the filter's size is known. */
export class FilterBuilder {
  #hashes = new Uint32Array(256);
  #length = 0;

  add(key: Uint8Array): void {
    if (this.#length + 2 > this.#hashes.length) {
      const grown = new Uint32Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[this.#length++] = fnv1a(key, BASIS_1);
    this.#hashes[this.#length++] = fnv1a(key, BASIS_2) | 1;
  }

  /** What `finish` would return, in bytes. */
  get bytes(): number {
    return Math.ceil(((this.#length / 2) * BITS_PER_KEY) / 8);
  }

  finish(): Uint8Array {
    const bits = new Uint8Array(this.bytes);
    const m = bits.length * 8;
    for (let at = 0; at < this.#length; at += 2) {
      let sum = this.#hashes[at]!;
      const step = this.#hashes[at + 1]!;
      for (let i = 0; i < FILTER_PROBES; i++) {
        const bit = sum % m;
        bits[bit >>> 3]! |= 1 << (bit & 7);
        sum = (sum + step) >>> 0;
      }
    }
    return bits;
  }
}

/** False: the key was certainly not added. */
export function filterMayContain(bits: Uint8Array, probes: number, key: SoughtKey): boolean {
  const m = bits.length * 8;
  let sum = key.hash;
  const { step } = key;
  for (let i = 0; i < probes; i++) {
    const bit = sum % m;
    if ((bits[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
    sum = (sum + step) >>> 0;
  }
  return true;
}
