/** What is planned: on made-up manifests, with a model of what a merge makes of them. No store, no clock. */
import { type SegmentEntry, segmentBegin } from '@holdfast/core';
import { seededRandom } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BOTTOM_LEVEL, CompactionEdit, overlap } from '../commit/compaction-edit.js';
import type { EditedState } from '../commit/edit.js';
import { type CompactionJob, type CompactionSizes, planCompaction } from './compaction-plan.js';

const ROW_BYTES = 100;
const ROWS = 80;
const SIZES: CompactionSizes = { segmentBytes: ROWS * ROW_BYTES, runsMax: 8 };
const NOTHING = new Uint8Array(0);

const keyOf = (key: number): Uint8Array => Uint8Array.of(key >>> 16, key >>> 8, key);
const keyIn = (bytes: Uint8Array): number => (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!;

/** A manifest that knows the keys of its segments. */
class Model {
  readonly live = new Map<SegmentEntry, readonly number[]>();
  #nextRun = 1;
  #nextId = 1;
  written = 0;
  flushed = 0;
  readonly #random: () => number;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#random = () => random(1)[0]! / 256;
  }

  segment(
    keys: readonly number[],
    range: readonly [number, number] | undefined,
    place: Partial<SegmentEntry>,
  ): SegmentEntry {
    const id = new Uint8Array(24);
    new DataView(id.buffer).setUint32(4, 1);
    new DataView(id.buffer).setUint32(20, this.#nextId++);
    return {
      id,
      bytes: Math.max(1, keys.length) * ROW_BYTES,
      metaBytes: 10,
      root: NOTHING,
      epoch: 1,
      entries: keys.length,
      tombstones: 0,
      ranges: range ? 1 : 0,
      rangeBegin: range ? keyOf(range[0]) : NOTHING,
      rangeEnd: range ? keyOf(range[1]) : NOTHING,
      earliestExpiryMs: 0,
      minVersion: 1,
      maxVersion: 1,
      firstKey: keys.length > 0 ? keyOf(keys[0]!) : NOTHING,
      lastKey: keys.length > 0 ? keyOf(keys.at(-1)!) : NOTHING,
      level: 0,
      run: 0,
      stampVersion: 0,
      stampOrder: 0,
      ...place,
    };
  }

  /** One run of level 0, in segments of so many rows. */
  addRun(keys: readonly number[], rows = ROWS, range?: readonly [number, number]): void {
    const run = this.#nextRun++;
    const sorted = [...new Set(keys)].sort((a, b) => a - b);
    for (let at = 0; at < sorted.length; at += rows) {
      const own = sorted.slice(at, at + rows);
      this.live.set(this.segment(own, undefined, { run }), own);
    }
    if (range) this.live.set(this.segment([], range, { run: this.#nextRun++ }), []);
    this.flushed += sorted.length * ROW_BYTES;
    this.written += sorted.length * ROW_BYTES;
  }

  plan(all = false): CompactionJob | undefined {
    const manifest = { searched: [...this.live.keys()] };
    const state = { manifest, floor: 1, flushedThrough: 1, graceMs: 0, timeMs: 0 };
    return planCompaction(state, { sizes: SIZES, random: this.#random, nowMs: 0, all });
  }

  /** As a merge would: sorted, each key once, cut where it is full and where the plan says. */
  apply(job: CompactionJob): void {
    const outputs = job.kind === 'move' ? [...job.inputs] : this.#merged(job);
    const keys = new Map(
      outputs.map((output) => [output.id, this.live.get(output) ?? this.#keys.get(output)!]),
    );
    const edit = new CompactionEdit({ inputs: job.inputs, outputs, level: job.level, deadParts: [] });
    const manifest = { entries: [...this.live.keys()] } as EditedState['manifest'];
    const state = edit.applyTo({ manifest, replaced: [], floor: 1, flushedThrough: 1, addedRuns: [] });
    if (state === 'stale') throw new Error(`Stale at once: ${job.why}`);
    const [{ add, isNewRun }] = state.replaced as [EditedState['replaced'][number]];
    for (const input of job.inputs) this.live.delete(input);
    const run = this.#nextRun;
    if (isNewRun) this.#nextRun++;
    for (const segment of add) this.live.set(isNewRun ? { ...segment, run } : segment, keys.get(segment.id)!);
    if (job.kind === 'merge') this.written += outputs.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  readonly #keys = new Map<SegmentEntry, readonly number[]>();

  #merged({ inputs, cuts, cutBytesMin }: CompactionJob): SegmentEntry[] {
    const keys = [...new Set(inputs.flatMap((input) => this.live.get(input)!))].sort((a, b) => a - b);
    const ranges = inputs
      .filter((input) => input.ranges > 0)
      .map((input) => [keyIn(input.rangeBegin), keyIn(input.rangeEnd)] as const);
    const range =
      ranges.length === 0
        ? undefined
        : ([Math.min(...ranges.map(([a]) => a)), Math.max(...ranges.map(([, b]) => b))] as const);
    const outputs: SegmentEntry[] = [];
    let own: number[] = [];
    let from = 0;
    const close = (to: number): void => {
      const [begin, end] = range ? [Math.max(range[0], from), Math.min(range[1], to)] : [0, 0];
      const clipped = begin < end ? ([begin, end] as const) : undefined;
      if (own.length > 0 || clipped) {
        const output = this.segment(own, clipped, {});
        this.#keys.set(output, own);
        outputs.push(output);
      }
      own = [];
      from = to;
    };
    let cut = 0;
    const cutUpTo = (key: number): void => {
      for (; cut < cuts.length && keyIn(cuts[cut]!) <= key; cut++) {
        const at = keyIn(cuts[cut]!);
        const isRangeOpen = range !== undefined && Math.max(range[0], from) < Math.min(range[1], at);
        const bytes = own.length > 0 ? own.length * ROW_BYTES : isRangeOpen ? 1 : 0;
        if (bytes >= cutBytesMin && bytes > 0) close(at);
      }
    };
    for (const key of keys) {
      cutUpTo(key);
      if (own.length >= ROWS) close(key);
      own.push(key);
    }
    cutUpTo(0xffffff);
    close(0xffffff);
    return outputs;
  }

  /** In no run two segments overlap, and the bottom is one. */
  check(): void {
    const all = [...this.live.keys()];
    for (const [i, a] of all.entries())
      for (const b of all.slice(i + 1))
        if (a.level === b.level && (a.run === b.run || a.level === BOTTOM_LEVEL))
          if (a.run !== b.run || overlap(a, b)) throw new Error(`Runs ${a.run} and ${b.run} of ${a.level}.`);
  }

  rows(): number {
    return [...this.live.values()].reduce((sum, { length }) => sum + length, 0);
  }

  keys(): number[] {
    return [...new Set([...this.live.values()].flat())].sort((a, b) => a - b);
  }

  /** Until nothing is due. @returns the jobs. */
  settle(all = false): CompactionJob[] {
    const jobs: CompactionJob[] = [];
    for (let job = this.plan(all); job; job = this.plan(all)) {
      this.apply(job);
      jobs.push(job);
      if (jobs.length > 300) throw new Error(`Without end: ${job.why}`);
    }
    return jobs;
  }
}

interface Added {
  readonly keys: readonly number[];
  readonly rows: number;
  readonly range: readonly [number, number] | undefined;
}

/** Lonely workers write few rows, loads write many beside each other; some delete a range. */
function runsOf(seed: number, count: number): Added[] {
  const bytes = seededRandom(seed);
  const below = (n: number): number => keyIn(bytes(3)) % n;
  return Array.from({ length: count }, () => {
    const from = below(20_000);
    const wide = [20_000, 2_000, 600][below(3)]!;
    const keys = Array.from({ length: 1 + below([4, 100, 1_500][below(3)]!) }, () => from + below(wide));
    const rows = [1 + below(10), ROWS, 5 * ROWS][below(3)]!;
    return { keys, rows, range: below(5) === 0 ? [from, from + 1 + below(10_000)] : undefined };
  });
}

describe('whatever the manifest lists', () => {
  for (const all of [false, true])
    test(`planning ends, jobs are bounded, and no key is lost${all ? ', also where all goes down' : ''}`, () => {
      let jobs = 0;
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, count) => {
          const model = new Model(seed);
          for (const [i, { keys, rows, range }] of runsOf(seed, count).entries()) {
            model.addRun(keys, rows, range);
            if (i % 5 === 0) model.settle();
          }
          const keys = model.keys();
          const done = model.settle(all);
          jobs += done.length;
          model.check();
          expect(model.keys()).toEqual(keys);
          const largest = 5 * ROWS * ROW_BYTES;
          for (const { bytesRead } of done)
            expect(bytesRead).toBeLessThanOrEqual(16 * SIZES.segmentBytes + 2 * largest);
          const runsAt = new Map<number, Set<number>>();
          for (const { level, run } of model.live.keys())
            runsAt.set(level, (runsAt.get(level) ?? new Set()).add(run));
          for (const [level, { size }] of runsAt)
            expect(size).toBeLessThan(level === BOTTOM_LEVEL ? 2 : SIZES.runsMax);
          if (all) expect([...runsAt.keys()].filter((level) => level !== BOTTOM_LEVEL)).toEqual([]);
        }),
        { numRuns: 40 },
      );
      expect(jobs).toBeGreaterThan(20);
    });
});

/** Loads `count` rows, then writes as many again `times` over, in flushes of an eighth of a segment. */
function overwrite(count: number, times: number, next: (i: number) => number): Model {
  const model = new Model(7);
  for (let at = 0; at < count; at += 20 * ROWS)
    model.addRun(Array.from({ length: Math.min(20 * ROWS, count - at) }, (_, i) => at + i));
  model.settle();
  model.written = 0;
  model.flushed = 0;
  const rows = ROWS / 8;
  for (let i = 0; i < count * times; i += rows) {
    model.addRun(Array.from({ length: rows }, (_, k) => next(i + k)));
    model.settle();
  }
  return model;
}

describe('rows that are written ten times over', () => {
  const COUNT = 64 * ROWS;
  const random = seededRandom(3);
  const anywhere = (): number => keyIn(random(3)) % COUNT;
  /** One part in ten gets nine writes of ten. */
  const skewed = (): number => (random(1)[0]! < 230 ? anywhere() % (COUNT / 10) : anywhere());

  test.each([
    ['anywhere', anywhere],
    ['mostly in one place', skewed],
    ['in their order', (i: number) => i % COUNT],
  ])(
    '%s: are written 15 times each at most, records included, and take up to 1.3 of their space',
    (_, next) => {
      const model = overwrite(COUNT, 10, next);
      const amplification = 1 + model.written / model.flushed;
      console.info(`written ${amplification.toFixed(1)} times, space ${(model.rows() / COUNT).toFixed(2)}`);
      expect(amplification).toBeLessThan(15);
      expect(model.rows() / COUNT).toBeLessThan(1.3);
      model.check();
    },
  );
});

describe('a segment that overlaps nothing', () => {
  test('is moved, not rewritten, and keeps its object', () => {
    const model = new Model(1);
    model.addRun(Array.from({ length: 4 * ROWS }, (_, i) => i));
    const [job] = model.settle() as [CompactionJob];
    expect(job).toMatchObject({ kind: 'move', level: BOTTOM_LEVEL, bytesRead: 0, bytesWritten: 0 });
    expect(job.inputs).toHaveLength(4);
  });

  test('is not moved where a deleted range reaches into it', () => {
    const model = new Model(1);
    model.addRun(
      Array.from({ length: ROWS }, (_, i) => 100 + i),
      ROWS,
      [0, 150],
    );
    expect(model.plan()).toMatchObject({ kind: 'merge' });
  });
});

test('what lonely workers leave is merged by whoever comes next', () => {
  const model = new Model(1);
  for (let i = 0; i < 100; i++) model.addRun([i * 7, i * 7 + 1]);
  const jobs = model.settle();
  expect(jobs.length).toBeLessThan(5);
  expect(model.live.size).toBeLessThan(8);
});

test('of what is planned at once by several some is disjoint', () => {
  const model = new Model(1);
  // A wide bottom run, and a load over all of it.
  model.addRun(Array.from({ length: 200 * ROWS }, (_, i) => 2 * i));
  model.settle();
  model.addRun(Array.from({ length: 60 * ROWS }, (_, i) => 6 * i + 1));
  const jobs = Array.from({ length: 12 }, () => model.plan()!);
  const begins = new Set(jobs.map(({ inputs }) => keyIn(segmentBegin(inputs[0]!))));
  expect(begins.size).toBeGreaterThan(1);
});
