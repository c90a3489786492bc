/**
 * Which of many segments can say something of a key: the few that lie over it, found by binary search.
 *
 * Segments are laid in layers, as few as can be: in a layer none reaches into another, whatever runs they are of. Runs
 * of disjoint keys share one, so that it is the depth over a key that costs, not the number of runs.
 *
 * Invariant: every segment is in one layer, so each that reaches over a key is found.
 */
import { compareBytes } from '../object/bytes.js';
import { endsBefore, type SegmentEntry, segmentBegin } from './segment-entry.js';
import type { SegmentReader } from './segment-reader.js';

interface Layer {
  /** In the order of their keys. */
  readonly begins: Uint8Array[];
  readonly readers: SegmentReader[];
  maxVersion: number;
}

export class SegmentIndex {
  readonly #layers: Layer[] = [];

  constructor(segments: readonly SegmentEntry[], reader: (segment: SegmentEntry) => SegmentReader) {
    const sorted = segments
      .map((segment) => ({ segment, begin: segmentBegin(segment) }))
      .sort((a, b) => compareBytes(a.begin, b.begin));
    for (const { segment, begin } of sorted) {
      let layer = this.#layers.find(({ readers }) => endsBefore(readers.at(-1)!.entry, begin));
      if (layer === undefined) {
        layer = { begins: [], readers: [], maxVersion: 0 };
        this.#layers.push(layer);
      }
      layer.begins.push(begin);
      layer.readers.push(reader(segment));
      layer.maxVersion = Math.max(layer.maxVersion, segment.maxVersion);
    }
  }

  /** Those that may say something of the key and hold a write of `from` or later: the newest first. */
  over(key: Uint8Array, from: number): SegmentReader[] {
    const found: SegmentReader[] = [];
    for (const { begins, readers, maxVersion } of this.#layers) {
      if (maxVersion < from) continue;
      let low = 0;
      let high = begins.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (compareBytes(begins[middle]!, key) <= 0) low = middle + 1;
        else high = middle;
      }
      const reader = readers[low - 1];
      if (reader === undefined || reader.entry.maxVersion < from || endsBefore(reader.entry, key)) continue;
      let at = found.length;
      while (at > 0 && found[at - 1]!.entry.maxVersion < reader.entry.maxVersion) at--;
      if (at === found.length) found.push(reader);
      else found.splice(at, 0, reader);
    }
    return found;
  }
}
