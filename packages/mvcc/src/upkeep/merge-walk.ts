/**
 * Walks the segments of a compaction as one: each key once, its newest entry first, and what that leaves behind.
 *
 * Invariants:
 * - Nothing is skipped: every entry of every segment is either the newest of its key, or was passed over for one that is
 *   newer. It ends when all of them have ended.
 * - Segments of one run are walked one after the other, so that as many cursors are open as there are runs.
 */
import { type Cursor, compareBytes, type SegmentEntry } from '@holdfast/core';
import { byBegin } from '../commit/compaction-edit.js';
import { compareStamps } from '../state/versionstamp.js';

/** The segments of a run, one after the other. */
class RunWalk {
  readonly #segments: readonly SegmentEntry[];
  readonly #open: (segment: SegmentEntry) => Cursor;
  #next = 0;
  /** Where it stands; undefined: at its end. */
  cursor: Cursor | undefined;

  constructor(segments: readonly SegmentEntry[], open: (segment: SegmentEntry) => Cursor) {
    this.#segments = segments.filter(({ entries }) => entries > 0).sort(byBegin);
    this.#open = open;
  }

  /** Into the next segment that has an entry. */
  async enter(): Promise<void> {
    this.cursor = undefined;
    while (this.#next < this.#segments.length) {
      const cursor = this.#open(this.#segments[this.#next++]!);
      await cursor.start();
      if (cursor.done) continue;
      this.cursor = cursor;
      return;
    }
  }

  /** A promise only when something must be fetched. */
  advance(): Promise<void> | undefined {
    const cursor = this.cursor!;
    const pending = cursor.next();
    if (pending) return pending.then(() => (cursor.done ? this.enter() : undefined));
    return cursor.done ? this.enter() : undefined;
  }
}

export class MergeWalk {
  readonly #runs: RunWalk[];
  /** Those that stand on the current key, the newest entry first. */
  #current: RunWalk[] = [];

  constructor(segments: readonly SegmentEntry[], open: (segment: SegmentEntry) => Cursor) {
    const runs = new Map<string, SegmentEntry[]>();
    for (const segment of segments) {
      const run = `${segment.level}.${segment.run}`;
      runs.set(run, [...(runs.get(run) ?? []), segment]);
    }
    this.#runs = Array.from(runs.values(), (run) => new RunWalk(run, open));
  }

  async start(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.enter()));
    this.#settle();
  }

  /** The newest entry of the current key; undefined: there are no more. */
  get newest(): Cursor | undefined {
    return this.#current[0]?.cursor;
  }

  /** The entries of the key that it replaces. */
  get older(): Cursor[] {
    return this.#current.slice(1).map(({ cursor }) => cursor!);
  }

  /** To the next key. */
  async next(): Promise<void> {
    for (const run of this.#current) {
      const pending = run.advance();
      if (pending) await pending;
    }
    this.#settle();
  }

  #settle(): void {
    const current: RunWalk[] = [];
    for (const run of this.#runs) {
      if (!run.cursor) continue;
      const order = current.length === 0 ? 0 : compareBytes(run.cursor.key, current[0]!.cursor!.key);
      if (order > 0) continue;
      if (order < 0) current.length = 0;
      current.push(run);
    }
    if (current.length > 1) current.sort((a, b) => newestFirst(a.cursor!, b.cursor!));
    this.#current = current;
  }
}

/** Of one transaction what has a value is the write. */
function newestFirst(a: Cursor, b: Cursor): number {
  return compareStamps(b, a) || Number(a.tombstone) - Number(b.tombstone);
}
