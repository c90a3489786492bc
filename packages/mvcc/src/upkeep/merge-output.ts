/**
 * Cuts what a merge yields into segments, and uploads them as they fill.
 *
 * Invariants:
 * - Entries come in the order of their keys, each once: all of a key is in one segment.
 * - No segment reaches into the next. A range tombstone that lies over a cut is cut there too.
 * - Memory holds one segment as it fills, and two as they are sent.
 */
import {
  compareBytes,
  copyBytes,
  type Entry,
  type RangeTombstone,
  SegmentBuilder,
  type SegmentDescriptor,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { newObjectId } from '../commit/new-object.js';
import { SegmentUploads } from '../commit/segment-uploads.js';
import type { Context } from '../context/context.js';

const UPLOADS_AT_ONCE = 2;
/** A segment is closed at so many bytes of range tombstones: who needs one of them reads them all. */
export const RANGES_BYTES_MAX: number = 512 * 1024;
/** After so many range tombstones others have a turn. */
const TURN_RANGES = 1024;

export interface Cutting {
  /** A segment is closed when it weighs this much. */
  readonly segmentBytes: number;
  /** Keys at which one is closed earlier, ascending, if it weighs `cutBytesMin` by then. */
  readonly cuts: readonly Uint8Array[];
  readonly cutBytesMin: number;
}

export class MergeOutput {
  readonly #context: Context;
  readonly #baseVersion: number;
  readonly #cutting: Cutting;
  readonly #ranges: readonly RangeTombstone[];
  readonly #uploads: SegmentUploads;
  readonly #turn: (bytes: number) => Promise<void>;
  #failure: { readonly error: unknown } | undefined;
  #builder: SegmentBuilder | undefined;
  /** The next range tombstone, and where what is left of it begins. */
  #range = 0;
  #rangeFrom: Uint8Array | undefined;
  #rangeBytes = 0;
  #cut = 0;

  /**
   * @param baseVersion the tip as known now: what protects the segments from GC until a record names them.
   * @param ranges in order, none over another.
   * @param turn lets others have one.
   */
  constructor(
    context: Context,
    baseVersion: number,
    cutting: Cutting,
    ranges: readonly RangeTombstone[],
    options: CallOptions,
    turn: (bytes: number) => Promise<void> = async () => {},
  ) {
    this.#turn = turn;
    this.#context = context;
    this.#baseVersion = baseVersion;
    this.#cutting = cutting;
    this.#ranges = ranges;
    this.#uploads = new SegmentUploads(context, UPLOADS_AT_ONCE, options, (error) => {
      this.#failure ??= { error };
    });
  }

  async add(entry: Entry): Promise<void> {
    const { key } = entry;
    await this.#cutUpTo(key);
    if ((this.#builder?.bytes ?? 0) >= this.#cutting.segmentBytes) await this.#close(key);
    await this.#addRangesUpTo(key);
    this.#open().add(entry);
  }

  /** All of them, in order, durable. */
  async finish(): Promise<SegmentDescriptor[]> {
    await this.#cutUpTo(undefined);
    await this.#addRangesUpTo(undefined);
    await this.#send();
    return this.#uploads.all();
  }

  /** Closes at the cuts that come before a key, or before the end. */
  async #cutUpTo(key: Uint8Array | undefined): Promise<void> {
    const { cuts, cutBytesMin } = this.#cutting;
    for (; this.#cut < cuts.length; this.#cut++) {
      const cut = cuts[this.#cut]!;
      if (key && compareBytes(cut, key) > 0) return;
      if (!this.#builder && this.#range >= this.#ranges.length) continue;
      await this.#addRangesUpTo(cut);
      // What is open of a range counts as something.
      const bytes = this.#builder?.bytes ?? (this.#openRange(cut) ? 1 : 0);
      if (bytes >= cutBytesMin && bytes > 0) await this.#close(cut);
    }
  }

  /** Where the next range tombstone begins, or what is left of it, if that is below `key`. */
  #openRange(key: Uint8Array): Uint8Array | undefined {
    const range = this.#ranges[this.#range];
    const from = range && (this.#rangeFrom ?? range.begin);
    return from && compareBytes(from, key) < 0 ? from : undefined;
  }

  #open(): SegmentBuilder {
    this.#builder ??= new SegmentBuilder(
      this.#context.sealing,
      newObjectId(this.#context, this.#baseVersion),
    );
    return this.#builder;
  }

  /** Ends the segment before `key`. */
  async #close(key: Uint8Array): Promise<void> {
    await this.#addRangesUpTo(key);
    const begin = this.#openRange(key);
    if (begin) {
      const end = copyBytes(key);
      this.#addRange({ ...this.#ranges[this.#range]!, begin, end });
      this.#rangeFrom = end;
    }
    await this.#send();
  }

  /** Adds the range tombstones that end there or before. */
  async #addRangesUpTo(key: Uint8Array | undefined): Promise<void> {
    for (; this.#range < this.#ranges.length; this.#range++) {
      const range = this.#ranges[this.#range]!;
      if (key && compareBytes(range.end, key) > 0) return;
      this.#addRange({ ...range, begin: this.#rangeFrom ?? range.begin });
      if (this.#range % TURN_RANGES === TURN_RANGES - 1) await this.#turn(0);
      this.#rangeFrom = undefined;
      if (this.#rangeBytes >= RANGES_BYTES_MAX) await this.#send();
    }
  }

  #addRange(range: RangeTombstone): void {
    this.#open().addRange(range);
    this.#rangeBytes += range.begin.length + range.end.length;
  }

  async #send(): Promise<void> {
    const builder = this.#builder;
    this.#builder = undefined;
    this.#rangeBytes = 0;
    if (this.#failure) throw this.#failure.error;
    if (builder) await this.#uploads.send(builder);
  }
}
