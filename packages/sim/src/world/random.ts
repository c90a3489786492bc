/**
 * Seeded randomness. Each part of a simulated world draws from a stream of its own, so that one part's drawing more
 * or less does not change what the others draw: that is what makes a schedule shrinkable.
 *
 * Only sums, products and shifts of integers: the same numbers on every engine.
 */
import type { RandomBytes } from '@holdfast/object-store';

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param name what the stream is for: streams of one seed with different names have nothing in common. */
  constructor(seed: number, name: string) {
    const hash = fnv1a(`${seed}/${name}`);
    this.#a = hash;
    this.#b = seed >>> 0;
    this.#c = Math.floor(seed / 2 ** 32) >>> 0;
    this.#d = 1;
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** sfc32 (Doty-Humphrey, PractRand). */
  uint32(): number {
    const t = (this.#a + this.#b + this.#d) >>> 0;
    this.#d = (this.#d + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) >>> 0;
    return t;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.fraction() * n);
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  bytes: RandomBytes = (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.uint32();
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i);
    }
    return bytes;
  };
}

/** Fowler, Noll and Vo, 32 bits. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
