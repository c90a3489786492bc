/**
 * Sealed segments on their way to the store.
 *
 * Invariant: none is sealed before it can be sent, so that they don't pile up in memory.
 */
import { objectName, SEGMENT_PREFIX, type SegmentBuilder, type SegmentDescriptor } from '@holdfast/core';
import { type CallOptions, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { putNew } from './new-object.js';

/** Memory for sealed segments. */
interface MemoryPool {
  take(): Uint8Array;
  give(memory: Uint8Array): void;
}

/** Is shown a sealed segment: the whole object. */
export type OnSealed = (descriptor: SegmentDescriptor, bytes: Uint8Array) => void;

export class SegmentUploads {
  readonly #context: Context;
  readonly #countMax: number;
  readonly #options: CallOptions;
  readonly #onFailure: (error: unknown) => void;
  readonly #onSealed: OnSealed;
  readonly #uploads: Promise<SegmentDescriptor>[] = [];
  readonly #underWay = new Set<Promise<unknown>>();

  /**
   * @param onFailure hears of it at once; `all()` fails with it.
   * @param onSealed is shown each object. Where a pool gives the memory, it is used again.
   */
  constructor(
    context: Context,
    countMax: number,
    options: CallOptions,
    onFailure: (error: unknown) => void = () => {},
    onSealed: OnSealed = () => {},
  ) {
    this.#context = context;
    this.#countMax = countMax;
    this.#options = options;
    this.#onFailure = onFailure;
    this.#onSealed = onSealed;
  }

  /**
   * Waits for its turn, and seals the segment: then its builder's bytes are no longer needed.
   * @param pool gives the memory that it is sealed into, and gets it back when the segment is durable.
   */
  async send(builder: SegmentBuilder, pool?: MemoryPool): Promise<void> {
    const { signal } = this.#options;
    while (this.#underWay.size >= this.#countMax) await orAborted(Promise.race(this.#underWay), signal);
    signal?.throwIfAborted();
    const memory = pool?.take();
    const { bytes, descriptor } = await builder.finish(memory && ((length) => memory.subarray(0, length)));
    this.#onSealed(descriptor, bytes);
    const name = objectName(SEGMENT_PREFIX, descriptor.id);
    const sent = putNew(this.#context, name, bytes, this.#options).then(() => descriptor);
    const settled: Promise<unknown> = sent
      .then(() => memory && pool?.give(memory))
      .catch(this.#onFailure)
      .finally(() => {
        this.#underWay.delete(settled);
      });
    this.#underWay.add(settled);
    this.#uploads.push(sent);
  }

  /** All of them, in the order in which they were sent, durable. */
  all(): Promise<SegmentDescriptor[]> {
    return Promise.all(this.#uploads);
  }
}
