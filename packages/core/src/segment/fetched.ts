/**
 * What a look for keys lacks in memory, and what was read for it. Whoever looks asks memory and this; what neither has
 * is wanted here; `fetch` reads all that is wanted at once, and then they look again.
 *
 * Invariants:
 * - What was read is here for as long as the look goes on, whatever the cache keeps of it: each round ends with more
 *   than it began with, so a look ends.
 * - Blocks that lie side by side come in one request, up to 1 MiB of them.
 */
import type { CallOptions } from '@holdfast/object-store';
import type { Block } from './block.js';
import type { SegmentMeta } from './segment-meta.js';
import type { SegmentSource } from './segment-source.js';

/** Blocks that are read together weigh up to this, unless one alone weighs more. */
const TOGETHER_BYTES_MAX = 1024 * 1024;

interface LargeValue {
  /** The block that names it. */
  readonly i: number;
  readonly length: number;
  /** The chunk of its first piece. */
  readonly first: number;
}

class OfSegment {
  meta: SegmentMeta | undefined;
  readonly blocks = new Map<number, Block>();
  readonly values = new Map<number, Uint8Array>();
  wantsMeta = false;
  readonly wantedBlocks = new Set<number>();
  readonly wantedValues = new Map<number, LargeValue>();
}

export class Fetched {
  readonly #segments = new Map<SegmentSource, OfSegment>();

  #of(source: SegmentSource): OfSegment {
    let of = this.#segments.get(source);
    if (of === undefined) {
      of = new OfSegment();
      this.#segments.set(source, of);
    }
    return of;
  }

  /** What was read of it; else it is wanted. */
  meta(source: SegmentSource): SegmentMeta | undefined {
    const of = this.#of(source);
    if (of.meta === undefined) of.wantsMeta = true;
    return of.meta;
  }

  block(source: SegmentSource, i: number): Block | undefined {
    const of = this.#of(source);
    const found = of.blocks.get(i);
    if (found === undefined) of.wantedBlocks.add(i);
    return found;
  }

  value(source: SegmentSource, large: LargeValue): Uint8Array | undefined {
    const of = this.#of(source);
    const found = of.values.get(large.first);
    if (found === undefined) of.wantedValues.set(large.first, large);
    return found;
  }

  /** Reads what is wanted. @throws HoldfastError CORRUPT, or the store's StoreError. */
  async fetch(o: CallOptions): Promise<void> {
    const reads: Promise<unknown>[] = [];
    for (const [source, of] of this.#segments) {
      if (of.wantsMeta) reads.push(this.#meta(source, of, o));
      // It is here: somebody has just looked into it.
      else of.meta ??= source.cachedMeta;
      if (of.wantedBlocks.size > 0)
        for (const run of together(of.meta!, [...of.wantedBlocks])) reads.push(blocks(source, of, run, o));
      for (const large of of.wantedValues.values()) reads.push(value(source, of, large, o));
      of.wantsMeta = false;
      of.wantedBlocks.clear();
      of.wantedValues.clear();
    }
    await Promise.all(reads);
  }

  async #meta(source: SegmentSource, of: OfSegment, o: CallOptions): Promise<void> {
    of.meta = await source.meta(o);
  }
}

/** Runs of blocks `[low, high]` that lie in consecutive chunks. */
function together(meta: SegmentMeta, wanted: number[]): { low: number; high: number }[] {
  const runs: { low: number; high: number }[] = [];
  let bytes = 0;
  for (const i of wanted.sort((a, b) => a - b)) {
    const last = runs.at(-1);
    bytes += meta.table.chunkBytes(meta.blockChunk(i));
    // Of a small segment all is at hand, and another's load may be joined.
    if (last && !meta.table.sealed && last.high + 1 === i && bytes <= TOGETHER_BYTES_MAX) {
      if (meta.blockChunk(i) === meta.blockChunk(last.high) + 1) {
        last.high = i;
        continue;
      }
    }
    runs.push({ low: i, high: i });
    bytes = meta.table.chunkBytes(meta.blockChunk(i));
  }
  return runs;
}

async function blocks(
  source: SegmentSource,
  of: OfSegment,
  { low, high }: { low: number; high: number },
  o: CallOptions,
): Promise<void> {
  const meta = of.meta!;
  if (low === high) {
    of.blocks.set(low, await source.block(meta, low, o));
    return;
  }
  const from = meta.blockChunk(low);
  const sealed = await source.fetchChunks(meta.table, from, meta.blockChunk(high) + 1, o);
  for (let i = low; i <= high; i++) {
    const chunk = meta.table.slice(sealed, from, meta.blockChunk(i));
    const block = await source.openBlock(meta, i, chunk, o);
    of.blocks.set(i, block);
    source.keepBlock(meta, i, block);
  }
}

async function value(
  source: SegmentSource,
  of: OfSegment,
  { i, length, first }: LargeValue,
  o: CallOptions,
): Promise<void> {
  const meta = of.meta!;
  of.values.set(first, await source.value(meta, i, length, first, o));
}
