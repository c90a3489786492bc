/**
 * Writes ascending rows as the segments of one run, several of which are on their way at once.
 *
 * Invariant: memory is that of one segment as it fills, and of those being sent. It is used again: dead buffers of this
 * size pile up until they are collected.
 */
import { SegmentBuilder, type SegmentDescriptor } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { LoadedRow } from './load-chunk.js';
import { newObjectId } from './new-object.js';
import { SegmentUploads } from './segment-uploads.js';

/** Segments that are sent at once. */
const UPLOADS_AT_ONCE = 3;
/** What a segment may take beyond the weight at which it is closed, unless its last row is a large one. */
const OVERSHOOT_BYTES = 256 * 1024;
/** Rows between two looks whether others wait for the event loop. */
const TURN_ROWS = 256;
/** Above this a builder keeps a value's bytes as they are until the segment is finished. */
const COPIED_BYTES_MAX = 64 * 1024;

/** A run as it was written: durable, ascending, none over another. */
export type LoadedRun = readonly SegmentDescriptor[];

export interface RunOptions extends CallOptions {
  /** A segment is closed when it weighs this much. */
  readonly segmentBytes: number;
  /** Or, by now, less. */
  readonly closeAtBytes: () => number;
  /**
   * Asked before each segment. @returns the tip as known then: what protects the segment from GC until a record names
   * it. @throws what makes it useless to go on.
   */
  readonly base: () => Promise<number> | number;
  /** Asked now and then: gives others their turn of the event loop. */
  readonly pause: () => Promise<void> | undefined;
  /** Told at once of an upload that fails. */
  readonly onFailure: (error: unknown) => void;
  /** Told of each segment that is on its way. */
  readonly onSegment: (bytes: number) => void;
}

export class RunWriter {
  readonly #context: Context;
  readonly #o: RunOptions;
  readonly #pool: Memory;
  readonly #uploads: SegmentUploads;
  #builder: SegmentBuilder | undefined;
  /** Of the segment that fills. */
  #closeAtBytes = 0;
  /** Of the last row: a copy. */
  lastKey: Uint8Array | undefined;

  /** @param pool of all runs of a load. */
  constructor(context: Context, pool: Memory, o: RunOptions) {
    this.#context = context;
    this.#o = o;
    this.#pool = pool;
    const { signal, meter } = o;
    this.#uploads = new SegmentUploads(context, UPLOADS_AT_ONCE, { signal, meter }, o.onFailure);
  }

  /** Writes rows, each above the one before. Their bytes are the caller's again when it resolves. */
  async addAll(rows: Iterable<LoadedRow>): Promise<void> {
    let last: LoadedRow | undefined;
    let count = 0;
    for (const row of rows) {
      this.#builder ??= await this.#begin();
      this.#put(this.#builder, row);
      last = row;
      if (this.#builder.bytes >= this.#closeAtBytes) await this.#send();
      const pausing = ++count % TURN_ROWS === 0 ? this.#o.pause() : undefined;
      if (pausing) await pausing;
    }
    if (last) this.lastKey = new Uint8Array(last.key);
  }

  /** The same, of one row that comes from elsewhere. @returns a promise where it has to be waited for. */
  add(row: LoadedRow): Promise<void> | undefined {
    const builder = this.#builder;
    if (!builder) return this.#addFirst(row);
    this.#put(builder, row);
    return builder.bytes >= this.#closeAtBytes ? this.#send() : undefined;
  }

  async #addFirst(row: LoadedRow): Promise<void> {
    // The row may be a view that is good for now only.
    const own = { ...row, key: new Uint8Array(row.key), value: new Uint8Array(row.value) };
    this.#builder = await this.#begin();
    this.#put(this.#builder, own);
    if (this.#builder.bytes >= this.#closeAtBytes) await this.#send();
  }

  async #begin(): Promise<SegmentBuilder> {
    this.#closeAtBytes = this.#o.closeAtBytes();
    return new SegmentBuilder(this.#context.sealing, newObjectId(this.#context, await this.#o.base()));
  }

  #put(builder: SegmentBuilder, { key, value, expiresMs }: LoadedRow): void {
    const kept = value.length > COPIED_BYTES_MAX ? new Uint8Array(value) : value;
    builder.add({ key, version: 0, order: 0, value: kept, expiresMs });
  }

  async #send(): Promise<void> {
    const builder = this.#builder!;
    this.#builder = undefined;
    const { bytes } = builder;
    const isUsual = bytes <= this.#o.segmentBytes + OVERSHOOT_BYTES / 2;
    this.#pool.bytes = this.#o.segmentBytes + OVERSHOOT_BYTES;
    await this.#uploads.send(builder, isUsual ? this.#pool : undefined);
    this.#o.onSegment(bytes);
  }

  /** The run, durable. */
  async finish(): Promise<LoadedRun> {
    if (this.#builder) await this.#send();
    return this.#uploads.all();
  }
}

/**
 * Memory of objects that are in the store: each is created under its name by then, so nobody can read what comes next
 * into it.
 */
export class Memory {
  readonly #free: Uint8Array[] = [];
  bytes = 0;

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.bytes);
  }

  give(memory: Uint8Array): void {
    this.#free.push(memory);
  }
}
