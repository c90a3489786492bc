/**
 * The readers of a process's segments: one for each entry of a manifest, for as long as the entry lives, and one index
 * for each list of them.
 */
import type { BlockCache } from './block-cache.js';
import { seedCache } from './seed.js';
import type { SegmentEntry } from './segment-entry.js';
import { SegmentIndex } from './segment-index.js';
import { SegmentReader } from './segment-reader.js';
import type { SegmentDeps } from './segment-source.js';

export class SegmentReaders {
  readonly #deps: SegmentDeps;
  readonly #readers = new WeakMap<SegmentEntry, SegmentReader>();
  readonly #indexes = new WeakMap<readonly SegmentEntry[], SegmentIndex>();

  constructor(deps: SegmentDeps) {
    this.#deps = deps;
  }

  /** The same with a cache of their own, for who goes through segments once: what others read stays cached. */
  apart(cache: BlockCache): SegmentReaders {
    return new SegmentReaders({ ...this.#deps, cache });
  }

  of(segment: SegmentEntry): SegmentReader {
    let reader = this.#readers.get(segment);
    if (reader === undefined) {
      reader = new SegmentReader(this.#deps, segment);
      this.#readers.set(segment, reader);
    }
    return reader;
  }

  /** Puts what a segment holds into the cache, as far as there is room: see `seedCache`. */
  seed(segment: SegmentEntry, sealed: Uint8Array): Promise<void> {
    return seedCache(this.#deps, segment, sealed);
  }

  /** @param segments a list that does not change: it is known by itself. */
  index(segments: readonly SegmentEntry[]): SegmentIndex {
    let index = this.#indexes.get(segments);
    if (index === undefined) {
      index = new SegmentIndex(segments, (segment) => this.of(segment));
      this.#indexes.set(segments, index);
    }
    return index;
  }
}
