/**
 * Moves the tail into segments once it has grown. Plans on a view, uploads beside the commits, and publishes
 * with the next record; if another process was faster, its flush stands and ours is left for GC.
 */
import { type Entry, toHex } from '@holdfast/core';
import { orAborted } from '@holdfast/object-store';
import type { Committer } from '../commit/committer.js';
import { FlushEdit } from '../commit/flush-edit.js';
import { uploadRanges, uploadRun } from '../commit/segment-upload.js';
import type { OnSealed } from '../commit/segment-uploads.js';
import type { Context } from '../context/context.js';
import { inTime } from '../context/in-time.js';
import type { Tip } from '../log/tip.js';
import { toRangeTombstone } from '../state/range-tombstones.js';
import { fromStoredKey } from '../state/space.js';
import type { View } from '../state/view.js';

/** What a reader may have to fetch besides the newest record, in objects and in bytes, before a flush is due. */
const HOLDERS_MAX = 16;
export const TAIL_BYTES_MAX: number = 2 * 1024 * 1024;

/** So many times as large as when a flush is due, the tail has outrun it. */
const OUTRUN_TIMES = 8;

function isOutrun(view: View): boolean {
  return view.refs.length >= OUTRUN_TIMES * HOLDERS_MAX || view.tailBytes >= OUTRUN_TIMES * TAIL_BYTES_MAX;
}

export class Flusher {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #committer: Committer;
  readonly #tailBytesMax: number;
  #running: Promise<boolean> | undefined;
  readonly stats: { flushes: number; flushedBytes: number } = { flushes: 0, flushedBytes: 0 };

  constructor(context: Context, tip: Tip, committer: Committer, tailBytesMax: number = TAIL_BYTES_MAX) {
    this.#tailBytesMax = tailBytesMax;
    this.#context = context;
    this.#tip = tip;
    this.#committer = committer;
  }

  /** Whether the tail is due. */
  isDue(view: View): boolean {
    return view.refs.length >= HOLDERS_MAX || view.tailBytes >= this.#tailBytesMax;
  }

  /** Flushes in the background if it is due and not under way. A failure is told, and left to the next try. */
  consider(): void {
    // A database that is closing settles what it has begun, and begins nothing.
    if (this.#running || this.#context.lifetime.ending.aborted || !this.isDue(this.#tip.view)) return;
    this.flush().catch((error: unknown) => this.#context.emit({ type: 'flush-failed', error }));
  }

  /**
   * Where commits come faster than a flush can upload, the next ones wait for it: memory, and what an open has to fetch,
   * stay bounded. Whoever has waited for `waitMsMax` goes on all the same: a flush that can't be done fails no commit.
   * @returns undefined: there is room.
   */
  makeRoom(waitMsMax: number, signal: AbortSignal | undefined): Promise<unknown> | undefined {
    const { clock, lifetime } = this.#context;
    if (!this.#running || lifetime.ending.aborted || !isOutrun(this.#tip.view)) return undefined;
    return orAborted(orAborted(inTime(clock, this.idle(), waitMsMax), signal), lifetime.ending).catch(
      (error: unknown) => {
        // Who closes the database meanwhile hears of that from the commit, not from here.
        if (signal?.aborted) throw error;
      },
    );
  }

  /**
   * Flushes what is there now. Resolves to false where there is nothing to flush, or another's flush was first (or
   * the floor has passed its segments); rejects where it could not be done.
   */
  flush(): Promise<boolean> {
    this.#running ??= this.#flush().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no flush is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  async #flush(): Promise<boolean> {
    const view = this.#tip.view;
    if (view.tail.isEmpty) return false;
    // Of its own: a range may reach over any number of segments, and those of one run do not overlap.
    const ranges = Array.from(view.tail.ranges.all(), toRangeTombstone);
    const sealed = new Map<string, Uint8Array>();
    const onSealed: OnSealed = ({ id }, bytes) => sealed.set(toHex(id), bytes);
    const uploaded = await Promise.all([
      uploadRun(this.#context, view.version, tailEntries(view), { onSealed }),
      uploadRanges(this.#context, view.version, ranges),
    ]);
    const runs = uploaded.filter((run) => run.length > 0);
    const segments = runs.flat();
    const edit = new FlushEdit(view.flushedThrough, view.version, runs);
    const published = await this.#committer.publish(edit);
    if (published) {
      this.#seed(sealed);
      const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
      this.stats.flushes++;
      this.stats.flushedBytes += bytes;
      this.#context.emit({ type: 'flush', through: view.version, segments: segments.length, bytes });
    }
    return published;
  }

  /** What was in memory as the tail stays there as blocks. In the background: nobody waits for it, nor for its failure. */
  #seed(sealed: ReadonlyMap<string, Uint8Array>): void {
    const { segments, lifetime } = this.#context;
    const entries = this.#tip.view.manifest.entries.filter(({ id }) => sealed.has(toHex(id)));
    void (async () => {
      for (const entry of entries) {
        if (lifetime.ending.aborted) return;
        await segments.seed(entry, sealed.get(toHex(entry.id))!);
      }
    })().catch(() => {});
  }
}

/** Tombstones stay: they hide older entries, and tell transactions of a key that was deleted since they read it. */
function* tailEntries(view: View): Generator<Entry> {
  for (const [stored, entry] of view.tail.all.entries()) yield { key: fromStoredKey(stored), ...entry };
}
