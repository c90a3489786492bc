/**
 * Compacts: one planned job after the other, each published by a record when its segments are durable.
 *
 * Invariants:
 * - Nothing is deleted and nothing is acknowledged. Whatever ends a job before its record leaves objects that nothing
 *   names; a resumed one plans anew on the state that it finds.
 * - One job at a time in this process. In the background it gives way to commits (pace.ts), and ends with the database.
 */
import {
  HoldfastError,
  type ObjectId,
  type SegmentDescriptor,
  type SegmentEntry,
  toHex,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Committer } from '../commit/committer.js';
import { type Compacted, CompactionEdit, type Placeable } from '../commit/compaction-edit.js';
import type { Context } from '../context/context.js';
import { wallMs } from '../context/wall.js';
import type { Tip } from '../log/tip.js';
import type { View } from '../state/view.js';
import { type CompactionJob, type CompactionSizes, planCompaction } from './compaction-plan.js';
import { deadParts, deadPartsInMemory } from './dead-parts.js';
import { Droppable } from './droppable.js';
import { merge } from './merge.js';
import { Pace } from './pace.js';

export interface CompactionProgress {
  /** Jobs that are done. */
  readonly jobs: number;
  /** Of the job under way: what it has gone through, and all that there is. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly why: string;
}

export interface CompactOptions extends CallOptions {
  /** Merge everything into the bottom run, however little it is. Default: what is due. */
  readonly all?: boolean | undefined;
  readonly onProgress?: ((progress: CompactionProgress) => void) | undefined;
}

export interface CompactReport {
  /** Published, and dropped because another process was faster. */
  readonly jobs: number;
  readonly dropped: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface CompactorStats {
  compactions: number;
  compactionsDropped: number;
  compactionReadBytes: number;
  /** Written. */
  compactedBytes: number;
}

interface JobOptions extends CompactOptions {
  readonly pace: Pace;
  /** Done before. */
  readonly jobs?: number;
  /** Of what is newer nothing has to be merged. */
  readonly through?: number;
}

type Outcome = 'published' | 'dropped' | 'nothing';

/** A job whose inputs have gone meanwhile is not carried to its end. */
class Overtaken extends Error {}

/** Jobs in a row that others were faster with: they are at it. */
const DROPPED_MAX = 3;

/** How long the store's clock is gone on from, by this process's own, before it is asked again. */
const STORE_CLOCK_MS = 600_000;

export class Compactor {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #committer: Committer;
  readonly #sizes: CompactionSizes;
  /** When the newest record was taken, by the store's clock, and when that was asked. 0: it tells no times. */
  #storeClock: { readonly storeMs: number; readonly askedMs: number } | undefined;
  #running: Promise<unknown> | undefined;
  /** What there was nothing to do for. */
  #settled: View['manifest'] | undefined;
  /** The manifest that the job under way was last looked for in. */
  #looked: View['manifest'] | undefined;
  readonly stats: CompactorStats = {
    compactions: 0,
    compactionsDropped: 0,
    compactionReadBytes: 0,
    compactedBytes: 0,
  };

  constructor(context: Context, tip: Tip, committer: Committer, sizes: CompactionSizes) {
    this.#context = context;
    this.#tip = tip;
    this.#committer = committer;
    this.#sizes = sizes;
  }

  /** Compacts in the background if that is due and not under way. A failure is told, and left to the next try. */
  consider(): void {
    const { lifetime } = this.#context;
    const { manifest } = this.#tip.view;
    if (this.#running || lifetime.ending.aborted || manifest === this.#settled) return;
    if (manifest.entries.length === 0) return;
    this.#running = this.#inBackground(lifetime.ending)
      .catch((error: unknown) => {
        if (!lifetime.ending.aborted) this.#context.emit({ type: 'compaction-failed', error });
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #inBackground(signal: AbortSignal): Promise<void> {
    const pace = new Pace(this.#context.clock, () => this.#committer.isBusy);
    for (;;) {
      const { view } = this.#tip;
      const dead = deadPartsInMemory(view);
      const done = await this.#next(view, dead, { pace, signal });
      if (done === 'nothing') this.#settled = view.manifest;
      // Of many writers one is enough: who has made the newest record.
      if (done !== 'published' || signal.aborted || !this.#committer.madeTip) return;
    }
  }

  /** Compacts until nothing is due of what is there now, or others are at it. */
  async run(options: CompactOptions = {}): Promise<CompactReport> {
    while (this.#running) await this.#running;
    const running = this.#untilDone(options);
    this.#running = running
      .catch(() => {})
      .finally(() => {
        this.#running = undefined;
      });
    return running;
  }

  async #untilDone(options: CompactOptions): Promise<CompactReport> {
    const { clock, lifetime } = this.#context;
    const before = { ...this.stats };
    const pace = new Pace(clock);
    const { version: through } = await this.#tip.refresh(options.signal);
    let dropped = 0;
    for (let isFirst = true; !lifetime.ending.aborted; isFirst = false) {
      options.signal?.throwIfAborted();
      const { view } = this.#tip;
      const dead = isFirst ? await deadParts(view, options) : [];
      const jobs = this.stats.compactions - before.compactions;
      const done = await this.#next(view, dead, { ...options, pace, jobs, through });
      if (done === 'nothing') break;
      dropped = done === 'dropped' ? dropped + 1 : 0;
      if (dropped >= DROPPED_MAX) break;
    }
    const { compactions, compactionsDropped, compactedBytes, compactionReadBytes } = this.stats;
    return {
      jobs: compactions - before.compactions,
      dropped: compactionsDropped - before.compactionsDropped,
      bytesRead: compactionReadBytes - before.compactionReadBytes,
      bytesWritten: compactedBytes - before.compactedBytes,
    };
  }

  /** Resolves when no compaction is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Plans one job on a state, and does it. */
  async #next(view: View, dead: readonly ObjectId[], options: JobOptions): Promise<Outcome> {
    const { all, through } = options;
    const nowMs = await this.#earliestMs(view, options);
    const job = planCompaction(view, {
      sizes: this.#sizes,
      random: () => this.#random(),
      nowMs,
      all,
      through,
    });
    if (!job && dead.length === 0) return 'nothing';
    if (!job) {
      const why = `${dead.length} parts of streams that nothing names any more`;
      return this.#publish(why, 0, { inputs: [], outputs: [], level: 0, deadParts: dead }, []);
    }
    try {
      const { outputs, deadParts: more } = await this.#merged(view, job, options);
      const compacted = { inputs: job.inputs, outputs, level: job.level, deadParts: [...dead, ...more] };
      return await this.#publish(job.why, job.bytesRead, compacted, job.kind === 'move' ? [] : outputs);
    } catch (error) {
      // Of no consequence: the next look at the newest state shows what became of it.
      const isUnknown = error instanceof HoldfastError && error.code === 'OUTCOME_UNKNOWN';
      if (!(error instanceof Overtaken) && !isUnknown) throw error;
      return this.#dropped(job.why);
    }
  }

  /**
   * What it is at least, by this process's clock and by the store's: whoever has made the newest record compacts, so the
   * record's time is its own again. 0, at which nothing has expired, where the store tells no times.
   */
  async #earliestMs({ version, manifest }: View, { signal, meter }: CallOptions): Promise<number> {
    const { slots, clock } = this.#context;
    // Nobody need be asked.
    if (!manifest.searched.some(({ earliestExpiryMs }) => earliestExpiryMs > 0)) return wallMs(clock);
    if (!this.#storeClock || clock.monotonic() - this.#storeClock.askedMs > STORE_CLOCK_MS) {
      const askedMs = clock.monotonic();
      const storeMs = await slots.claimedAt?.(version, { signal, meter }).catch(() => undefined);
      this.#storeClock = { askedMs, storeMs: storeMs ?? 0 };
    }
    const { storeMs, askedMs } = this.#storeClock;
    return storeMs === 0 ? 0 : Math.min(wallMs(clock), storeMs + clock.monotonic() - askedMs);
  }

  async #merged(
    view: View,
    job: CompactionJob,
    { pace, signal, meter, onProgress, jobs = 0 }: JobOptions,
  ): Promise<{ outputs: readonly Placeable[]; deadParts: readonly ObjectId[] }> {
    const { inputs, cuts, cutBytesMin, why, bytesRead: bytesTotal } = job;
    let bytes = 0;
    onProgress?.({ jobs, bytes, bytesTotal, why });
    if (job.kind === 'move') return { outputs: inputs, deadParts: [] };
    this.#looked = view.manifest;
    const merged = new Set(inputs);
    const others = view.manifest.searched.filter((segment) => !merged.has(segment));
    const { outputs, deadParts: parts } = await merge(this.#context, inputs, {
      baseVersion: view.version,
      droppable: new Droppable(view, others, await this.#earliestMs(view, { signal, meter })),
      segmentBytes: this.#sizes.segmentBytes,
      cuts,
      cutBytesMin,
      signal,
      meter,
      turn: async (gone) => {
        this.#context.lifetime.cutting.throwIfAborted();
        if (!this.#isLive(inputs)) throw new Overtaken();
        bytes = Math.min(bytesTotal, bytes + gone);
        onProgress?.({ jobs, bytes, bytesTotal, why });
        await pace.turn(signal);
      },
    });
    const unstamped = (output: SegmentDescriptor): Placeable => ({
      ...output,
      stampVersion: 0,
      stampOrder: 0,
    });
    return { outputs: outputs.map(unstamped), deadParts: parts };
  }

  /** Whether they are where they were, as far as this process knows: looked at anew where the manifest has changed. */
  #isLive(inputs: readonly SegmentEntry[]): boolean {
    const { manifest } = this.#tip.view;
    if (manifest === this.#looked) return true;
    const live = new Map(manifest.searched.map((entry) => [toHex(entry.id), entry]));
    const isThere = ({ id, level, run }: SegmentEntry): boolean => {
      const now = live.get(toHex(id));
      return now !== undefined && now.level === level && now.run === run;
    };
    if (!inputs.every(isThere)) return false;
    this.#looked = manifest;
    return true;
  }

  /** @param written the segments that are new. */
  async #publish(
    why: string,
    bytesRead: number,
    compacted: Compacted,
    written: readonly SegmentDescriptor[],
  ): Promise<Outcome> {
    if (!(await this.#committer.publish(new CompactionEdit(compacted)))) return this.#dropped(why);
    const bytesWritten = written.reduce((sum, { bytes }) => sum + bytes, 0);
    this.stats.compactions++;
    this.stats.compactionReadBytes += bytesRead;
    this.stats.compactedBytes += bytesWritten;
    const { inputs, outputs, level } = compacted;
    this.#context.emit({
      type: 'compaction',
      level,
      inputs: inputs.length,
      outputs: outputs.length,
      bytesRead,
      bytesWritten,
      why,
    });
    return 'published';
  }

  #dropped(why: string): Outcome {
    this.stats.compactionsDropped++;
    this.#context.emit({ type: 'compaction-dropped', why });
    return 'dropped';
  }

  /** From 0 up to 1. */
  #random(): number {
    const [a, b] = this.#context.random(2) as unknown as [number, number];
    return (a * 256 + b) / 65_536;
  }
}
