/**
 * Cuts a stream into parts, and uploads them as they fill, before any record names them (I3).
 *
 * Invariants:
 * - Memory holds one part as it fills, and two as they are sent: the source waits for the store.
 * - What ends it (the source, the store, the caller, the end of the database) ends all of it: the source is told, the
 *   uploads are cut off. What was uploaded is named by nothing then, and left for GC.
 */
import {
  encodeStream,
  HoldfastError,
  type ObjectId,
  SegmentBuilder,
  type SegmentDescriptor,
  STREAM_BYTES_MAX,
  STREAM_PART_BYTES,
} from '@holdfast/core';
import { type CallOptions, onAbort, orAborted } from '@holdfast/object-store';
import type { Chunks } from '../context/byte-source.js';
import type { Context } from '../context/context.js';
import { newObjectId } from './new-object.js';
import { SegmentUploads } from './segment-uploads.js';

const UPLOADS_AT_ONCE = 2;
/**
 * A source whose chunks are at hand takes no turn of the event loop. After so many chunks and so long it is made to, or
 * no timer could abort it, and nobody else's work would go on.
 */
const TURN_CHUNKS = 16;
const TURN_MS = 20;
/** A part's object and what it may have beside its value: its tables, and its key several times. */
const OBJECT_BYTES_MAX = STREAM_PART_BYTES + 128 * 1024;

interface UploadedStream {
  /** What the stream's key gets as its value. */
  readonly descriptor: Uint8Array;
  /** Its parts, in order. */
  readonly segments: readonly SegmentDescriptor[];
}

interface UploadOptions extends CallOptions {
  /** The tip as known now: what protects the parts from GC until a record names them. */
  readonly baseVersion: number;
  /** Asked before each part is sent. @throws what makes it useless to go on. */
  readonly check?: (() => Promise<void> | void) | undefined;
  /** The most bytes of a stream. */
  readonly bytesMax?: number | undefined;
}

/**
 * Reads `source` to its end.
 * @param key the stored key of the stream.
 * @throws HoldfastError LIMIT_EXCEEDED for more than a stream can have; what the source throws; what an upload fails with.
 */
export async function uploadStream(
  context: Context,
  key: Uint8Array,
  source: Chunks,
  { signal, meter, bytesMax = STREAM_BYTES_MAX, ...o }: UploadOptions,
): Promise<UploadedStream> {
  const stop = new AbortController();
  const leaves = [signal, context.lifetime.cutting].map((each) =>
    onAbort(each, () => stop.abort(each?.reason)),
  );
  const parts = new Parts(context, key, stop, { ...o, meter });
  const { clock } = context;
  let turn = { chunks: 0, sinceMs: clock.monotonic() };
  try {
    stop.signal.throwIfAborted();
    for (;;) {
      if (turn.chunks++ >= TURN_CHUNKS && clock.monotonic() - turn.sinceMs >= TURN_MS) {
        await clock.sleep(0, stop.signal);
        turn = { chunks: 0, sinceMs: clock.monotonic() };
      }
      const chunk = await orAborted(source.next(), stop.signal);
      if (chunk === undefined) break;
      if (parts.length + chunk.length > bytesMax)
        throw new HoldfastError(
          'LIMIT_EXCEEDED',
          `setStream: expected at most ${bytesMax} bytes, found more. Nothing was changed; split it over several keys.`,
        );
      await parts.add(chunk);
    }
    const segments = await parts.finish();
    const ids: ObjectId[] = segments.map(({ id }) => id);
    return { descriptor: encodeStream({ length: parts.length, parts: ids }), segments };
  } catch (error) {
    source.stop(error);
    stop.abort(error);
    throw error;
  } finally {
    for (const leave of leaves) leave();
  }
}

class Parts {
  readonly #context: Context;
  readonly #key: Uint8Array;
  readonly #uploads: SegmentUploads;
  readonly #o: Pick<UploadOptions, 'baseVersion' | 'check'>;
  /** The part that fills; used again when it was sealed. */
  #buffer: Uint8Array = new Uint8Array(0);
  #filled = 0;
  readonly #memory = new Memory();
  length = 0;

  /** @param stop aborted when an upload fails, so that nobody waits for the source any longer. */
  constructor(
    context: Context,
    key: Uint8Array,
    stop: AbortController,
    { meter, ...o }: Pick<UploadOptions, 'baseVersion' | 'check' | 'meter'>,
  ) {
    this.#context = context;
    this.#key = key;
    this.#uploads = new SegmentUploads(context, UPLOADS_AT_ONCE, { signal: stop.signal, meter }, (error) =>
      stop.abort(error),
    );
    this.#o = o;
  }

  async add(chunk: Uint8Array): Promise<void> {
    // As long as it was when it was given: one that is taken away meanwhile is an error, not the end of the stream.
    const { length } = chunk;
    for (let at = 0; at < length; ) {
      const end = Math.min(length, at + STREAM_PART_BYTES - this.#filled);
      this.#grow(this.#filled + end - at);
      this.#buffer.set(chunk.subarray(at, end), this.#filled);
      this.#filled += end - at;
      this.length += end - at;
      at = end;
      if (this.#filled === STREAM_PART_BYTES) await this.#send();
    }
  }

  /** A short stream takes no memory for a long one. */
  #grow(bytes: number): void {
    const before = this.#buffer;
    if (before.length >= bytes) return;
    this.#buffer = new Uint8Array(Math.min(STREAM_PART_BYTES, Math.max(bytes, 2 * before.length)));
    this.#buffer.set(before.subarray(0, this.#filled));
  }

  /** The last part, and the end of all uploads. */
  async finish(): Promise<SegmentDescriptor[]> {
    if (this.#filled > 0) await this.#send();
    return this.#uploads.all();
  }

  async #send(): Promise<void> {
    const { baseVersion, check } = this.#o;
    await check?.();
    const builder = new SegmentBuilder(this.#context.sealing, newObjectId(this.#context, baseVersion));
    // A view: the buffer stays as it is until the segment is finished.
    const value = this.#buffer.subarray(0, this.#filled);
    builder.add({ key: this.#key, version: 0, order: 0, value });
    const isFull = this.#filled === STREAM_PART_BYTES;
    await this.#uploads.send(builder, isFull ? this.#memory : undefined);
    this.#filled = 0;
  }
}

/**
 * Memory of objects that are in the store: each is created under its name by then, so nobody can read what comes next
 * into it. Used again, because dead buffers of this size pile up until they are collected.
 */
class Memory {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(OBJECT_BYTES_MAX);
  }

  give(memory: Uint8Array): void {
    this.#free.push(memory);
  }
}
