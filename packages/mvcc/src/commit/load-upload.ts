/**
 * Brings the rows of a load into the store as one sorted run, before any record names it (I3): an external merge sort.
 *
 * Rows gather in a chunk. A full one is sorted and written: to the end of the run before it where all of it comes after
 * that, so that input in order is one run and is written once. Else it begins another run; at the end, or when there are
 * many, runs are merged.
 *
 * Invariants:
 * - Memory is bounded: a chunk, and what `RunWriter` and `mergeRuns` take.
 * - Of rows with one key the last one stays.
 * - What ends it (the source, the store, the caller, the end of the database) ends all of it: the source is told, the
 *   uploads are cut off. What was uploaded is named by nothing then, and left for GC. So are runs that were merged,
 *   where they can't be deleted at once.
 */
import { compareBytes, objectName, SEGMENT_PREFIX, type SegmentDescriptor } from '@holdfast/core';
import { type CallOptions, onAbort } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { Rows } from '../context/row-source.js';
import { LoadChunk } from './load-chunk.js';
import { mergeRuns } from './load-merge.js';
import { type LoadedRun, Memory, type RunOptions, RunWriter } from './load-run.js';

/** How large things get, bytes and counts. For tests. */
export interface LoadSizes {
  /** Of a chunk while rows come in order: it is only passed on. */
  readonly ascendingBytes: number;
  /** Of a chunk that is sorted. */
  readonly chunkBytes: number;
  readonly segmentBytes: number;
  /** Runs that are merged at once. */
  readonly runsMax: number;
}

export const LOAD_SIZES: LoadSizes = {
  ascendingBytes: 4 * 1024 * 1024,
  chunkBytes: 32 * 1024 * 1024,
  segmentBytes: 16 * 1024 * 1024,
  runsMax: 64,
};

/** Rows between two looks at the clock. */
const TURN_ROWS = 64;
const TURN_MS = 10;
/** So many segments are a quarter, and then a half, of the usual size: the first ones are on their way soon. */
const SMALL = 4;

export interface LoadOptions extends CallOptions, Pick<RunOptions, 'base'> {
  /** Adds a row to the chunk, or leaves it out. @throws for what can't be stored. */
  readonly add: (row: unknown, chunk: LoadChunk) => void;
  readonly onProgress: (progress: LoadProgress) => void;
  readonly sizes?: LoadSizes | undefined;
}

export interface LoadProgress {
  /** `rows`: they are taken and sent. `merge`: they came in no order, and what was sent is brought into it. */
  readonly phase: 'rows' | 'merge';
  /** Rows that were taken. */
  readonly entries: number;
  /** Rows that were merged, in the merges until now. */
  readonly merged: number;
  /** What was sent to the store, those that are merged later included. */
  readonly bytes: number;
}

/** @returns the run, and how many rows there were; those of one key count once in the run only. */
export async function uploadLoad(
  context: Context,
  rows: Rows,
  options: LoadOptions,
): Promise<{ segments: LoadedRun; rows: number }> {
  const stop = new AbortController();
  const leaves = [options.signal, context.lifetime.cutting].map((each) =>
    onAbort(each, () => stop.abort(each?.reason)),
  );
  try {
    stop.signal.throwIfAborted();
    return await new LoadUpload(context, stop, options).run(rows);
  } catch (error) {
    rows.stop();
    stop.abort(error);
    throw error;
  } finally {
    for (const leave of leaves) leave();
  }
}

/** Runs, and how often what is in them was merged. The newest last. */
interface Tier {
  readonly merges: number;
  readonly run: LoadedRun;
}

class LoadUpload {
  readonly #context: Context;
  readonly #signal: AbortSignal;
  readonly #o: LoadOptions;
  readonly #sizes: LoadSizes;
  readonly #run: RunOptions;
  readonly #pool = new Memory();
  #chunk: LoadChunk;
  #isAscending = true;
  #writer: RunWriter;
  #tiers: Tier[] = [];
  #turnSinceMs: number;
  /** Tells the source's wait that it is over. */
  #abandon: ((reason: unknown) => void) | undefined;
  #segments = 0;
  #rows = 0;
  #merged = 0;
  #bytes = 0;

  constructor(context: Context, stop: AbortController, o: LoadOptions) {
    const { sizes = LOAD_SIZES, meter, base } = o;
    this.#context = context;
    this.#signal = stop.signal;
    this.#o = o;
    this.#sizes = sizes;
    this.#chunk = new LoadChunk(sizes.chunkBytes);
    this.#run = {
      signal: stop.signal,
      meter,
      base,
      segmentBytes: sizes.segmentBytes,
      closeAtBytes: () =>
        sizes.segmentBytes / (this.#segments < SMALL ? 4 : this.#segments < 2 * SMALL ? 2 : 1),
      pause: () => this.#pause(),
      onFailure: (error) => stop.abort(error),
      onSegment: (bytes) => {
        this.#segments++;
        this.#bytes += bytes;
      },
    };
    this.#writer = new RunWriter(context, this.#pool, this.#run);
    this.#turnSinceMs = context.clock.monotonic();
    stop.signal.addEventListener('abort', () => this.#abandon?.(stop.signal.reason), { once: true });
  }

  async run(rows: Rows): Promise<{ segments: LoadedRun; rows: number }> {
    for (let given = 0; ; ) {
      const next = rows.next();
      const { done, value } = next instanceof Promise ? await this.#wait(next) : next;
      if (done) break;
      this.#o.add(value, this.#chunk);
      if (this.#chunk.bytes >= this.#chunkBytes) await this.#spill();
      if (++given % TURN_ROWS !== 0) continue;
      const pausing = this.#pause();
      if (pausing) await pausing;
    }
    await this.#spill();
    await this.#endRun();
    // Nothing is sorted any more.
    this.#chunk = undefined!;
    const runs = this.#tiers.map(({ run }) => run);
    return { segments: runs.length > 1 ? await this.#merge(runs) : (runs[0] ?? []), rows: this.#rows };
  }

  /** A source whose next row does not come is not waited for when all is over. */
  #wait<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#abandon = reject;
      work.then(resolve, reject);
      // It may have been over before the wait: the source itself may have ended it.
      if (this.#signal.aborted) reject(this.#signal.reason);
    });
  }

  /** Rows that are at hand take no turn of the event loop, and then no timer could abort it, nor others' work go on. */
  #pause(): Promise<void> | undefined {
    const { clock } = this.#context;
    this.#signal.throwIfAborted();
    if (clock.monotonic() - this.#turnSinceMs < TURN_MS) return undefined;
    return clock.sleep(0, this.#signal).then(() => {
      this.#turnSinceMs = clock.monotonic();
    });
  }

  get #chunkBytes(): number {
    const { ascendingBytes, chunkBytes } = this.#sizes;
    return this.#isAscending && this.#chunk.isAscending ? ascendingBytes : chunkBytes;
  }

  /** Writes what has gathered. */
  async #spill(): Promise<void> {
    const chunk = this.#chunk;
    if (chunk.rows === 0) return;
    this.#signal.throwIfAborted();
    const first = chunk.first();
    const { lastKey } = this.#writer;
    if (lastKey && compareBytes(first, lastKey) <= 0) {
      this.#isAscending = false;
      await this.#endRun();
    }
    this.#rows += chunk.rows;
    await this.#writer.addAll(chunk.sorted());
    chunk.clear();
    this.#tell('rows');
  }

  /** The run is complete; the next one begins. */
  async #endRun(): Promise<void> {
    const run = await this.#writer.finish();
    this.#writer = new RunWriter(this.#context, this.#pool, this.#run);
    if (run.length === 0) return;
    this.#tiers.push({ merges: 0, run });
    // So many runs, merged so often, become one that was merged once more: each row is written log(runs) times.
    for (
      let merges = 0;
      this.#tiers.filter((tier) => tier.merges === merges).length >= this.#sizes.runsMax;
    ) {
      const older = this.#tiers.filter((tier) => tier.merges > merges);
      const runs = this.#tiers.slice(older.length).map((tier) => tier.run);
      merges++;
      this.#tiers = [...older, { merges, run: await this.#merge(runs) }];
    }
  }

  async #merge(runs: readonly LoadedRun[]): Promise<LoadedRun> {
    const { run, replaced } = await mergeRuns(this.#context, runs, {
      signal: this.#signal,
      meter: this.#o.meter,
      newRun: () => new RunWriter(this.#context, this.#pool, this.#run),
      pause: () => this.#pause(),
      onRows: (count) => {
        this.#merged += count;
        this.#tell('merge');
      },
    });
    await this.#remove(replaced);
    return run;
  }

  async #remove(segments: readonly SegmentDescriptor[]): Promise<void> {
    const { store } = this.#context;
    const names = segments.map(({ id }) => objectName(SEGMENT_PREFIX, id));
    // Garbage, if it can't be: named by nobody.
    await store.delete(names, { signal: this.#signal, meter: this.#o.meter }).catch(() => {});
  }

  #tell(phase: LoadProgress['phase']): void {
    this.#o.onProgress({ phase, entries: this.#rows, merged: this.#merged, bytes: this.#bytes });
  }
}
