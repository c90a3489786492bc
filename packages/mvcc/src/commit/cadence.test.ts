/** When who waits for a record looks for it, and at how many slots. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { View } from '../state/view.js';
import { Cadence } from './cadence.js';

const LOOK_MS = 40;
const INTERVAL_MS = 100;

let cadence: Cadence;
beforeEach(() => {
  cadence = new Cadence();
});

const view = (version: number): View => ({ version, timeMs: version * INTERVAL_MS }) as unknown as View;
/** A look that was asked at `askedMs` leads from one version to another. */
function look(askedMs: number, from: number, to: number, tookMs = LOOK_MS): void {
  cadence.looked({ askedMs, answeredMs: askedMs + tookMs, from: view(from), to: view(to) });
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
  expect(cadence.next(20 + 50 * INTERVAL_MS)).toEqual({ waitMs: 0, width: 0 });
});

test('what comes seldom is not waited for longer than two seconds', () => {
  const old = { version: 1, timeMs: 0 } as unknown as View;
  const young = { version: 2, timeMs: 3_600_000 } as unknown as View;
  cadence.looked({ askedMs: 0, answeredMs: LOOK_MS, from: old, to: young });
  expect(cadence.next(LOOK_MS).waitMs).toBeLessThanOrEqual(2_000);
});

test('records of one instant are no reason to look at no slot, or to wait for ever', () => {
  const now = (version: number): View => ({ version, timeMs: 7 }) as unknown as View;
  cadence.looked({ askedMs: 0, answeredMs: 0, from: now(1), to: now(2) });
  expect(cadence.next(0)).toEqual({ waitMs: 0, width: 1 });
  cadence.looked({ askedMs: 0, answeredMs: LOOK_MS, from: now(2), to: now(9) });
  expect(cadence.next(1e6)).toEqual({ waitMs: 0, width: 1 });
});

describe('in the long run', () => {
  test.each([10, 40, 100, 400])('records each %i ms are found with few looks, and soon', (intervalMs) => {
    let [nowMs, looks, known, lateMs, found] = [0, 0, 0, 0, 0];
    const at = (version: number): View => ({ version, timeMs: version * intervalMs }) as unknown as View;
    while (nowMs < 100 * intervalMs) {
      const { waitMs, width } = cadence.next(nowMs);
      const askedMs = nowMs + waitMs;
      const newest = Math.floor((askedMs + LOOK_MS / 2) / intervalMs);
      const to = width === 0 ? newest : Math.min(newest, known + width);
      nowMs = askedMs + LOOK_MS;
      cadence.looked({ askedMs, answeredMs: nowMs, from: at(known), to: at(to) });
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
