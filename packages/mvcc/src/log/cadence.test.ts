/** When who waits for a record looks for it, and at how many slots. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { View } from '../state/view.js';
import { Cadence } from './cadence.js';

const LOOK_MS = 40;
const INTERVAL_MS = 100;

let cadence: Cadence;
beforeEach(() => {
  cadence = new Cadence(0);
});

const view = (version: number): View => ({ version, clockMs: version * INTERVAL_MS }) as unknown as View;
interface Options {
  readonly tookMs?: number;
  readonly width?: number;
}
/** A look that was asked at `askedMs` leads from one version to another. */
function look(
  askedMs: number,
  from: number,
  to: number,
  { tookMs = LOOK_MS, width = 1 }: Options = {},
): void {
  const first = to > from ? view(from + 1) : undefined;
  cadence.looked({ askedMs, answeredMs: askedMs + tookMs, from: view(from), first, to: view(to), width });
}

test('who knows nothing looks at once, at the next slot', () => {
  expect(cadence.next(500)).toEqual({ waitMs: 0, width: 1 });
});

test('who has seen a record waits for the next until about when it comes', () => {
  look(0, 0, 1);
  // It came when the look arrived at the latest. A little less than half of the next look goes by before that does.
  const { waitMs, width } = cadence.next(LOOK_MS);
  expect(width).toBe(1);
  const dueMs = LOOK_MS + waitMs + LOOK_MS * 0.35;
  expect(dueMs).toBeGreaterThanOrEqual(INTERVAL_MS);
  expect(dueMs).toBeLessThanOrEqual(20 + INTERVAL_MS);
});

test('a look too early is repeated soon', () => {
  look(0, 0, 1);
  look(60, 1, 1);
  const { waitMs, width } = cadence.next(100);
  expect(width).toBe(1);
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThan(LOOK_MS / 4);
});

test('a record came between the look that missed it and the one that found it', () => {
  look(0, 0, 1);
  look(100, 1, 1);
  look(140, 1, 2);
  // Between 120 and 160: at 140 at the latest, so the next is due at 240.
  const { waitMs } = cadence.next(180);
  expect(180 + waitMs + LOOK_MS / 2).toBeLessThanOrEqual(140 + INTERVAL_MS + LOOK_MS);
});

test('with records to come that are of no interest it waits for these too', () => {
  look(0, 0, 1);
  const near = cadence.next(LOOK_MS).waitMs;
  expect(cadence.next(LOOK_MS, 3).waitMs).toBeCloseTo(near + 3 * INTERVAL_MS);
});

test('records that have come meanwhile are looked at together, and many are listed', () => {
  look(0, 0, 1);
  expect(cadence.next(20 + 3.9 * INTERVAL_MS).width).toBe(4);
  expect(cadence.next(20 + 8.9 * INTERVAL_MS).width).toBe(0);
});

test('who gets more records than that while it lists goes on to look at them', () => {
  const far = 5 * INTERVAL_MS;
  look(0, 0, 1, { tookMs: far });
  // And two more, so that an empty slot shows that there are no others.
  expect(cadence.next(far / 2 + 6 * INTERVAL_MS).width).toBe(10 + 2);
  expect(cadence.next(far / 2 + 40 * INTERVAL_MS).width).toBe(0);
});

test('where all the slots were taken there may be more behind them: it is as far behind as it was', () => {
  look(0, 0, 1);
  // Asked ten records later.
  look(10 * INTERVAL_MS, 1, 5, { width: 4 });
  expect(cadence.widthAt(10 * INTERVAL_MS + LOOK_MS)).toBe(6);
  look(10 * INTERVAL_MS + LOOK_MS, 5, 11, { width: 8 });
  expect(cadence.widthAt(10 * INTERVAL_MS + 2 * LOOK_MS)).toBe(1);
});

test('also where that was one slot: who is behind sees it by the times of the records, and catches up', () => {
  look(0, 0, 1);
  look(5 * INTERVAL_MS, 1, 2);
  expect(cadence.next(5 * INTERVAL_MS + LOOK_MS)).toEqual({ waitMs: 0, width: 4 });
});

test('whose clock was ahead does not make records come in one instant, or before each other', () => {
  for (let n = 0; n < 20; n++) look(n * INTERVAL_MS, n, n + 1);
  const before = { version: 20, clockMs: 20 * INTERVAL_MS + 3_600_000 } as unknown as View;
  cadence.looked({
    askedMs: 2_000,
    answeredMs: 2_040,
    from: before,
    first: view(21),
    to: view(21),
    width: 1,
  });
  expect(cadence.outruns(INTERVAL_MS, 2_040)).toBe(false);
  expect(cadence.widthAt(2_040 + INTERVAL_MS)).toBe(2);
});

test('a listing is the first of several requests: what came since is not known', () => {
  look(0, 0, 1);
  look(1_000, 1, 10, { width: 0, tookMs: 5 * INTERVAL_MS });
  // It came up to an interval before the listing was answered.
  expect(cadence.widthAt(1_000 + 5 * INTERVAL_MS)).toBe(6);
});

test('what others find they carry in a later record: until then there is nothing to look for', () => {
  expect(cadence.carriedFromMs(1_000)).toBe(Number.POSITIVE_INFINITY);
  look(0, 0, 1);
  expect(cadence.carriedFromMs(1_000)).toBe(1_000 + 4 * INTERVAL_MS - LOOK_MS / 2);
});

test('who makes a record more slowly than others do is outrun, as far as it has looked lately', () => {
  look(0, 0, 1);
  expect(cadence.outruns(3 * INTERVAL_MS, LOOK_MS)).toBe(true);
  expect(cadence.outruns(INTERVAL_MS, LOOK_MS)).toBe(false);
  expect(cadence.outruns(3 * INTERVAL_MS, 10 * LOOK_MS)).toBe(false);
});

test('who has only looked in vain knows nothing of how often records come', () => {
  look(0, 1, 1);
  expect(cadence.outruns(3 * INTERVAL_MS, LOOK_MS)).toBe(false);
});

test('what comes seldom is not waited for longer than two seconds', () => {
  const old = { version: 1, clockMs: 0 } as unknown as View;
  const young = { version: 2, clockMs: 3_600_000 } as unknown as View;
  cadence.looked({ askedMs: 0, answeredMs: LOOK_MS, from: old, to: young, width: 1 });
  expect(cadence.next(LOOK_MS).waitMs).toBeLessThanOrEqual(2_000);
});

test('records of one instant are no reason to look at no slot, or to wait for ever', () => {
  const now = (version: number): View => ({ version, clockMs: 7 }) as unknown as View;
  cadence.looked({ askedMs: 0, answeredMs: 0, from: now(1), to: now(2), width: 1 });
  expect(cadence.next(0)).toEqual({ waitMs: 0, width: 1 });
  cadence.looked({ askedMs: 0, answeredMs: LOOK_MS, from: now(2), to: now(9), width: 0 });
  expect(cadence.next(1e6)).toEqual({ waitMs: 0, width: 1 });
});

describe('in the long run', () => {
  test.each([10, 40, 100, 400])('records each %i ms are found with few looks, and soon', (intervalMs) => {
    let [nowMs, looks, known, lateMs, found] = [0, 0, 0, 0, 0];
    const at = (version: number): View => ({ version, clockMs: version * intervalMs }) as unknown as View;
    while (nowMs < 100 * intervalMs) {
      const { waitMs, width } = cadence.next(nowMs);
      const askedMs = nowMs + waitMs;
      const newest = Math.floor((askedMs + LOOK_MS / 2) / intervalMs);
      const to = width === 0 ? newest : Math.min(newest, known + width);
      nowMs = askedMs + LOOK_MS;
      const first = to > known ? at(known + 1) : undefined;
      cadence.looked({ askedMs, answeredMs: nowMs, from: at(known), first, to: at(to), width });
      looks++;
      if (to > known) {
        found++;
        lateMs += askedMs + LOOK_MS / 2 - to * intervalMs;
      }
      known = to;
    }
    expect(known).toBeGreaterThan(100 - 1 - (3 * LOOK_MS) / intervalMs);
    // Little is looked for in vain, and what is found has not lain there for long.
    expect(looks / found).toBeLessThan(1.6);
    expect(lateMs / found).toBeLessThan(LOOK_MS);
  });
});
