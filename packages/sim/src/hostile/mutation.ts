/**
 * Everything that is done to the bytes of an image, numbered: the same number is always the same mutation.
 */
import { fnv1a } from '../world/random.js';
import type { Changes, Image, Shown } from './image-store.js';
import { recordVersion, sha256 } from './world.js';

export const BYTE_KINDS = [
  'flip',
  'rehash',
  'cut',
  'grow',
  'swap',
  'exchange',
  'foreign',
  'gone',
  'listed only',
  'not listed',
  'rollback',
] as const;
export type ByteKind = (typeof BYTE_KINDS)[number];

export interface Mutation {
  readonly kind: ByteKind;
  readonly object: string;
  /**
   * flip, rehash: of the byte. cut: the length that is left. grow: which of the longer ones. swap, exchange, foreign:
   * which other object. rollback: the newest version left.
   */
  readonly offset: number;
}

/** What is so much longer: by these, or doubled. */
const GROWN_BYTES: readonly number[] = [1, 2, 3, 4, 16, 32, 36, 116, 124, 4096];
/** Of objects up to this size every shorter length is tried, of others as many as `SAMPLED_CUTS`. */
const EVERY_CUT_BYTES = 64 * 1024;
const SAMPLED_CUTS = 768;

/** The hash is repaired after every flip in the newest record, and after one in so many in the others. */
const REHASH_STEP = 8;

interface Row {
  readonly kind: ByteKind;
  readonly object: string;
  readonly first: number;
  readonly count: number;
  offset(i: number): number;
}

export class Mutations {
  readonly #image: Image;
  readonly #names: readonly string[];
  readonly #foreign: Image;
  readonly #rows: Row[] = [];
  readonly count: number;

  /**
   * @param foreign another database's objects.
   * @param prefix only what is done to objects under it.
   */
  constructor(image: Image, foreign: Image = new Map(), prefix = '') {
    this.#image = image;
    this.#foreign = foreign;
    this.#names = [...image.keys()].sort();
    let first = 0;
    const add = (kind: ByteKind, object: string, count: number, offset = (i: number) => i): void => {
      if (count <= 0) return;
      this.#rows.push({ kind, object, first, count, offset });
      first += count;
    };
    const newest = this.#names.find((name) => name.startsWith('log/'))!;
    const indexes = [...this.#names.keys()].filter((i) => this.#names[i]!.startsWith(prefix));
    for (const i of indexes) {
      const object = this.#names[i]!;
      const { length } = image.get(object)!;
      add('flip', object, length);
      if (object === newest) add('rehash', object, length - 32);
      else if (object.startsWith('log/'))
        add(
          'rehash',
          object,
          Math.floor((length - 32) / REHASH_STEP),
          (k) => k * REHASH_STEP + (i % REHASH_STEP),
        );
      if (length <= EVERY_CUT_BYTES) add('cut', object, length);
      else add('cut', object, SAMPLED_CUTS, (k) => sampledCut(length, k));
      add('grow', object, GROWN_BYTES.length + 1);
      add('swap', object, this.#names.length - 1, (k) => (k < i ? k : k + 1));
      const partners = indexes.filter((k) => k > i);
      add('exchange', object, partners.length, (k) => partners[k]!);
      // Shown another database's newest record, a reader sees that database: its id tells.
      if (object !== newest) add('foreign', object, this.#foreignOf(object).length);
      for (const kind of ['gone', 'listed only', 'not listed'] as const) add(kind, object, 1);
    }
    if (prefix === '') add('rollback', newest, recordVersion(newest) - 1, (k) => k + 1);
    this.count = first;
  }

  #foreignOf(object: string): Uint8Array[] {
    const kind = object.slice(0, 4);
    return [...this.#foreign].filter(([name]) => name.startsWith(kind)).map(([, bytes]) => bytes);
  }

  at(index: number): Mutation {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#rows[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    const { kind, object, first, offset } = this.#rows[low]!;
    return { kind, object, offset: offset(index - first) };
  }

  /** What the adversary shows. @param seed of the bits that are flipped. */
  changes({ kind, object, offset }: Mutation, seed: number): Changes {
    const bytes = this.#image.get(object);
    if (!bytes) throw new RangeError(`There is no object ${object}.`);
    const isOffset = kind === 'flip' || kind === 'rehash' || kind === 'cut';
    if (isOffset && offset >= bytes.length)
      throw new RangeError(`${object} has ${bytes.length} bytes: expected an offset below, found ${offset}.`);
    const show = (...changed: [string, Shown][]): Changes => new Map(changed);
    const other = this.#names[offset];
    if ((kind === 'swap' || kind === 'exchange') && other === undefined)
      throw new RangeError(
        `There are ${this.#names.length} objects: expected the number of one, found ${offset}.`,
      );
    switch (kind) {
      case 'flip':
        return show([object, { at: offset, mask: maskOf(seed, object, offset) }]);
      case 'rehash': {
        const copy = bytes.slice();
        copy[offset]! ^= maskOf(seed, object, offset);
        copy.set(sha256(copy.subarray(0, -32)), copy.length - 32);
        return show([object, copy]);
      }
      case 'cut':
        return show([object, bytes.subarray(0, offset)]);
      case 'grow': {
        const longer = new Uint8Array(bytes.length + (GROWN_BYTES[offset] ?? bytes.length));
        longer.set(bytes);
        if (offset >= GROWN_BYTES.length) longer.set(bytes, bytes.length);
        return show([object, longer]);
      }
      case 'swap':
        return show([object, this.#image.get(other!)!]);
      case 'exchange':
        return show([object, this.#image.get(other!)!], [other!, bytes]);
      case 'foreign':
        return show([object, this.#foreignOf(object)[offset]!]);
      case 'rollback':
        return new Map(
          this.#names
            .filter((name) => name.startsWith('log/') && recordVersion(name) > offset)
            .map((name) => [name, 'gone']),
        );
      default:
        return show([object, kind]);
    }
  }
}

/** Never 0. */
export function maskOf(seed: number, object: string, offset: number): number {
  return (fnv1a(`${seed}/${object}/${offset}`) % 255) + 1;
}

/** A third each at the beginning, at the end and between. */
function sampledCut(length: number, k: number): number {
  const third = SAMPLED_CUTS / 3;
  if (k < third) return k;
  if (k < 2 * third) return length - 1 - (k - third);
  return Math.floor(third + ((k - 2 * third + 1) * (length - 2 * third)) / (third + 2));
}
