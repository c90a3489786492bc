/**
 * Walks a key range of one segment, reading ahead.
 *
 * Invariants:
 * - Windows of sealed blocks are up to 1 MiB each (or one block). The first is one block, each next one may be twice
 *   as large, and so are ever more of them read ahead at once: a short walk fetches little, a long one keeps the line
 *   full.
 * - Cursors that walk together share one budget for the windows that are in memory or on their way.
 * - A failed read-ahead is reported by the `next` that needs it, and by nothing else.
 * - One cursor puts at most an eighth of the cache's size into it, so that a long walk does not sweep it.
 */
import type { CallOptions } from '@holdfast/object-store';
import { compareBytes } from '../object/bytes.js';
import { corrupt } from '../object/errors.js';
import { type Block, BlockCursor } from './block.js';
import { KIND_LARGE, KIND_STREAM, KIND_TOMBSTONE } from './block-builder.js';
import type { SegmentMeta } from './segment-meta.js';
import type { SegmentSource } from './segment-source.js';
import { ValueWalk } from './value-walk.js';
import { WINDOW_BYTES_MAX, type WindowBudget } from './window-budget.js';

const CACHE_SHARE = 1 / 8;
/** What a walk that has been long already counts as come through. */
const LONG_WINDOWS = 8;

/** A walk over sorted entries. `key` and the rest describe the current one, until `done`. */
export interface Cursor {
  readonly done: boolean;
  /** A view, valid until the cursor moves. */
  readonly key: Uint8Array;
  /** Order of the current key and another; spares the view. */
  compareKey(key: Uint8Array): number;
  readonly version: number;
  readonly order: number;
  readonly tombstone: boolean;
  /** Milliseconds since 1970; 0: it does not expire. */
  readonly expiresMs: number;
  /** Whether the value is the descriptor of a stream. */
  readonly stream: boolean;
  /** A promise for large values. May be a view of a cached block: not to be changed. Empty for a tombstone. */
  value(): Uint8Array | Promise<Uint8Array>;
  /** Moves to the first entry. Call it once, before anything else. */
  start(): Promise<void>;
  /** Moves on. A promise only when a block must be fetched: await it before the next call. */
  next(): Promise<void> | undefined;
}

export interface CursorOptions extends CallOptions {
  readonly begin: Uint8Array;
  /** Exclusive; undefined: no bound. */
  readonly end: Uint8Array | undefined;
  /** From the end to the beginning. */
  readonly reverse?: boolean | undefined;
  /** No value will be asked for. */
  readonly keysOnly?: boolean | undefined;
  /** Shared by the cursors of one scan. */
  readonly windows?: WindowBudget | undefined;
  /** The walk has been long already: read in large windows, and ahead, from the first block on. */
  readonly long?: boolean | undefined;
}

/** Blocks `[low, high]` in consecutive chunks, sealed. */
interface Window {
  readonly low: number;
  readonly high: number;
  readonly sealed: Uint8Array;
}

interface Ahead extends Omit<Window, 'sealed'> {
  readonly window: Promise<Window>;
}

export class SegmentCursor implements Cursor {
  readonly #source: SegmentSource;
  readonly #o: CursorOptions;
  readonly #step: 1 | -1;
  #meta!: SegmentMeta;
  /** The blocks that can hold keys of the range. */
  #lowBlock = 0;
  #highBlock = -1;

  #done = true;
  #i = 0;
  /** Offset in the current block where the walk came into it. */
  #from = 0;
  #block!: BlockCursor;
  /** Whether the current block is the last of the walk, so that keys must be compared with the bound. */
  #bounded = false;

  readonly #values: ValueWalk;
  #window: Window | undefined;
  /** In the order of the walk. */
  #aheads: Ahead[] = [];
  /** Gives back this cursor's part of the budget. */
  #leave: (() => void) | undefined;
  #windowBytes = 0;
  #windows = 0;
  #keepBytes: number;
  #version = 0;
  #order = 0;

  constructor(source: SegmentSource, options: CursorOptions) {
    this.#source = source;
    this.#o = options;
    this.#step = options.reverse ? -1 : 1;
    this.#keepBytes = source.cache.maxBytes * CACHE_SHARE;
    if (options.long) {
      this.#windowBytes = WINDOW_BYTES_MAX;
      this.#windows = LONG_WINDOWS;
    }
    this.#values = new ValueWalk(source, options);
  }

  get done(): boolean {
    return this.#done;
  }

  get key(): Uint8Array {
    return this.#block.key;
  }

  compareKey(key: Uint8Array): number {
    return this.#block.compareKey(key);
  }

  get version(): number {
    return this.#version;
  }

  get order(): number {
    return this.#order;
  }

  get tombstone(): boolean {
    return this.#block.kind === KIND_TOMBSTONE;
  }

  get expiresMs(): number {
    return this.#block.expiresMs;
  }

  get stream(): boolean {
    return this.#block.kind === KIND_STREAM;
  }

  value(): Uint8Array | Promise<Uint8Array> {
    if (this.#o.keysOnly)
      throw new TypeError('This cursor was made for keys only: leave out keysOnly to read values.');
    const { kind, valueLength, valueAt } = this.#block;
    if (kind !== KIND_LARGE) return this.#block.inlineValue;
    return this.#values.read(this.#meta, this.#i, valueLength, valueAt);
  }

  async start(): Promise<void> {
    const { begin, end } = this.#o;
    const { entry } = this.#source;
    if (entry.entries === 0) return;
    if (compareBytes(begin, entry.lastKey) > 0 || (end && compareBytes(end, entry.firstKey) <= 0)) return;
    if (end && compareBytes(begin, end) >= 0) return;
    this.#meta = this.#source.cachedMeta ?? (await this.#source.meta(this.#o));
    this.#lowBlock = Math.max(0, this.#meta.findBlock(begin, true));
    this.#highBlock = end ? this.#meta.findBlock(end, false) : this.#meta.blocks - 1;
    this.#done = false;
    this.#leave = this.#o.windows?.join();
    if (this.#step > 0) await this.#enter(this.#lowBlock, (block) => block.seek(begin));
    else if (end) await this.#enter(this.#highBlock, (block) => block.seekBefore(end));
    else await this.#enter(this.#highBlock, (block) => block.last());
  }

  next(): Promise<void> | undefined {
    if (this.#done) return undefined;
    if (this.#step > 0 ? this.#block.next() : this.#block.previous()) {
      this.#arrive();
      return undefined;
    }
    return this.#cross();
  }

  #stop(): void {
    this.#done = true;
    this.#leave?.();
    this.#window = undefined;
    this.#aheads = [];
  }

  #isOutside(block: BlockCursor): boolean {
    const { begin, end } = this.#o;
    return this.#step > 0 ? end !== undefined && block.compareKey(end) >= 0 : block.compareKey(begin) < 0;
  }

  #arrive(): void {
    const block = this.#block;
    if (this.#bounded && this.#isOutside(block)) {
      this.#stop();
      return;
    }
    this.#version = this.#source.version(block);
    this.#order = this.#source.order(block);
    // A walk that went through half a block will likely want the next one.
    if (this.#windows === 1 && this.#aheads.length === 0 && this.#window) {
      const walked = Math.abs(block.offset - this.#from);
      if (2 * walked >= block.block.entriesEnd) this.#readAhead(this.#window);
    }
  }

  /** Into the next block. */
  #cross(): Promise<void> | undefined {
    const i = this.#i + this.#step;
    if (i < this.#lowBlock || i > this.#highBlock) {
      this.#stop();
      return undefined;
    }
    if (this.#step < 0) return this.#enter(i, (block) => block.last());
    this.#checkBefore(i, this.#block);
    return this.#enter(i, (block) => block.next());
  }

  /** All keys of the block before block i must be below its first one, or a walk would go back. */
  #checkBefore(i: number, before: BlockCursor): void {
    if (this.#meta.compareFirstKey(i, before.key) <= 0)
      throw corrupt(before.block.label, 'its last key is not below the first key of the block after it');
  }

  #enter(i: number, position: (block: BlockCursor) => boolean): Promise<void> | undefined {
    const cached = this.#source.cachedBlock(this.#meta, i);
    if (cached) return this.#begin(i, cached, position);
    return this.#fetch(i).then((block) => this.#begin(i, block, position));
  }

  #begin(i: number, block: Block, position: (block: BlockCursor) => boolean): Promise<void> | undefined {
    const cursor = new BlockCursor(block);
    const found = position(cursor);
    if (this.#step < 0 && i < this.#meta.blocks - 1 && i < this.#highBlock) this.#checkBefore(i + 1, cursor);
    this.#i = i;
    this.#block = cursor;
    this.#bounded = i === (this.#step > 0 ? this.#highBlock : this.#lowBlock);
    this.#from = cursor.offset;
    if (!found) return this.#cross();
    this.#arrive();
    return undefined;
  }

  async #fetch(i: number): Promise<Block> {
    const meta = this.#meta;
    if (meta.table.sealed) return this.#source.block(meta, i, this.#o);
    const window = await this.#windowOf(i);
    const { low, sealed } = window;
    const chunk = meta.table.slice(sealed, meta.blockChunk(low), meta.blockChunk(i));
    const block = await this.#source.openBlock(meta, i, chunk, this.#o);
    if (block.byteLength <= this.#keepBytes) {
      this.#keepBytes -= block.byteLength;
      this.#source.keepBlock(meta, i, block);
    }
    return block;
  }

  async #windowOf(i: number): Promise<Window> {
    let window = this.#window;
    if (window && i >= window.low && i <= window.high) return window;
    this.#window = undefined;
    const aheads = this.#aheads;
    // What lies behind was cached when the walk came by.
    while (aheads.length > 0 && this.#isBehind(aheads[0]!, i)) aheads.shift();
    let next = aheads[0];
    if (next && i >= next.low && i <= next.high) aheads.shift();
    else {
      const plan = this.#plan(i);
      next = { ...plan, window: this.#load(plan) };
    }
    this.#windows++;
    // Beside it: by now the walk is a long one.
    if (this.#windows > 2) this.#readAhead(next);
    try {
      window = await next.window;
    } catch (error) {
      // Those behind it were sent to the same store: the next try asks again for all.
      this.#aheads = [];
      throw error;
    }
    this.#window = window;
    if (this.#windows === 2) this.#readAhead(window);
    return window;
  }

  #isBehind({ low, high }: { low: number; high: number }, i: number): boolean {
    return this.#step > 0 ? high < i : low > i;
  }

  /** As many windows as it may, one more with each that the walk has come through. */
  #readAhead(window: Pick<Window, 'low' | 'high'>): void {
    const aheads = this.#aheads;
    const most = Math.min(this.#windows, this.#o.windows?.windowsAhead ?? 1);
    while (aheads.length < most) {
      const last = aheads.at(-1) ?? window;
      let i = this.#step > 0 ? last.high + 1 : last.low - 1;
      while (this.#isInside(i) && this.#source.hasBlock(this.#meta, i)) i += this.#step;
      if (!this.#isInside(i)) return;
      const plan = this.#plan(i);
      const loading = this.#load(plan);
      // Whoever needs the window awaits `loading` itself and meets the error there.
      loading.catch(() => {});
      aheads.push({ ...plan, window: loading });
    }
  }

  #isUnderWay(i: number): boolean {
    return this.#aheads.some(({ low, high }) => i >= low && i <= high);
  }

  #isInside(i: number): boolean {
    return i >= this.#lowBlock && i <= this.#highBlock;
  }

  async #load({ low, high }: { low: number; high: number }): Promise<Window> {
    const meta = this.#meta;
    const from = meta.blockChunk(low);
    const sealed = await this.#source.fetchChunks(meta.table, from, meta.blockChunk(high) + 1, this.#o);
    return { low, high, sealed };
  }

  /** The blocks to fetch together, block i first: in consecutive chunks, not cached, within the window's size. */
  #plan(i: number): { low: number; high: number } {
    const meta = this.#meta;
    const step = this.#step;
    let chunk = meta.blockChunk(i);
    let bytes = meta.table.chunkBytes(chunk);
    const share = this.#o.windows?.windowBytes ?? WINDOW_BYTES_MAX;
    const bytesMax = Math.max(bytes, Math.min(this.#windowBytes, share));
    let last = i;
    for (let k = i + step; this.#isInside(k); k += step) {
      chunk += step;
      if (meta.blockChunk(k) !== chunk || this.#source.hasBlock(meta, k) || this.#isUnderWay(k)) break;
      bytes += meta.table.chunkBytes(chunk);
      if (bytes > bytesMax) break;
      last = k;
    }
    this.#windowBytes = Math.min(WINDOW_BYTES_MAX, 2 * bytesMax);
    return { low: Math.min(i, last), high: Math.max(i, last) };
  }
}
