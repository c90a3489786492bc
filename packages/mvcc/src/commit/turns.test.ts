/** Whose turn it is, for how long, and who is put off by it. */
import { TURNS_MAX, type Turn } from '@holdfast/core';
import { ManualClock } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { RangeTombstones } from '../state/range-tombstones.js';
import { fromStoredKey } from '../state/space.js';
import type { View } from '../state/view.js';
import type { Proposal, Waiting } from './proposal.js';
import { ReadSet } from './read-set.js';
import { type AskedTurn, Turns, turnMs } from './turns.js';

const id = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const hex = (n: number): string => Buffer.from(id(n)).toString('hex');
const OWN = 99;

let clock: ManualClock;
let turns: Turns;
beforeEach(() => {
  clock = new ManualClock();
  turns = new Turns(clock, id(OWN));
});

const turn = (n: number, keys: string[], waitMs = 100): Turn => ({
  processId: id(n),
  waitMs,
  reads: { points: keys.map(fromStoredKey), ranges: [] },
});
/** A newer state says so. */
function say(all: readonly Turn[], named?: number): void {
  const contention = {
    contended: true,
    turns: all,
    ...(named === undefined ? {} : { successor: id(named) }),
  };
  turns.update({ contention, clockMs: clock.now() } as View);
}
function proposal(reads: string[], writes: string[] = reads): Proposal {
  const set = new ReadSet();
  for (const key of reads) set.addPoint(key);
  return {
    reads: set,
    changes: new Map(writes.map((key) => [key, { value: undefined }])),
    deleted: RangeTombstones.none,
    readVersion: 1,
    nowMs: 0,
    bytes: 1,
    losses: 0,
    bodyMs: 0,
  };
}
const asked = (n: number, ...lost: string[][]): AskedTurn => ({
  processId: id(n),
  waitMs: 70,
  lost: lost.map((reads) => ({ proposal: proposal(reads) }) as Waiting),
});
const after = (served: number[], ...ask: AskedTurn[]): ReturnType<Turns['after']> =>
  turns.after(new Set(served.map(hex)), ask);

describe('while a turn is in force', () => {
  test('who writes what it has read is put off, and who only reads it is not', () => {
    say([turn(1, ['a'])]);
    expect(turns.putsOff(proposal(['a']))).toBe(true);
    expect(turns.putsOff(proposal([], ['a']))).toBe(true);
    expect(turns.putsOff(proposal(['a'], ['b']))).toBe(false);
    expect(turns.meets(proposal(['a'], ['b']))).toBe(true);
    expect(turns.meets(proposal(['b'], ['a']))).toBe(false);
  });

  test('whose it is, is not put off by it, nor by those that come after it', () => {
    say([turn(1, ['a']), turn(2, ['b']), turn(3, ['a', 'b'])]);
    expect(turns.putsOff(proposal(['a', 'b']), hex(1))).toBe(false);
    expect(turns.putsOff(proposal(['a']), hex(2))).toBe(true);
    expect(turns.putsOff(proposal(['b']), hex(2))).toBe(false);
    expect(turns.putsOff(proposal(['b']), hex(3))).toBe(true);
    expect(turns.putsOff(proposal(['b']))).toBe(true);
  });

  test('who comes behind it puts off nobody before that one is over', async () => {
    say([turn(1, ['a']), turn(2, ['a', 'b'])]);
    expect(turns.putsOff(proposal(['b']))).toBe(false);
    expect(turns.meets(proposal(['b']))).toBe(false);
    await clock.advance(100);
    expect(turns.putsOff(proposal(['b']))).toBe(true);
  });

  test('a deleted range that holds what it has read is put off', () => {
    say([turn(1, ['b'])]);
    const range = { begin: 'a', end: 'c', version: 0, order: 0 };
    const deleted = RangeTombstones.none.with([range]);
    expect(turns.putsOff({ ...proposal([]), deleted })).toBe(true);
  });
});

describe('a turn lapses', () => {
  test('so long after it was first seen, though newer states repeat it', async () => {
    say([turn(1, ['a'])]);
    expect(turns.lapsesAtMs).toBe(100);
    await clock.advance(60);
    say([turn(1, ['a'])]);
    expect(turns.lapsesAtMs).toBe(100);
    await clock.advance(39);
    expect(turns.putsOff(proposal(['a']))).toBe(true);
    await clock.advance(1);
    expect(turns.putsOff(proposal(['a']))).toBe(false);
    expect(turns.lapsesAtMs).toBeUndefined();
  });

  test('and the one behind it has its time from then on', async () => {
    say([turn(1, ['a'], 100), turn(2, ['a'], 50)]);
    await clock.advance(100);
    expect(turns.putsOff(proposal(['a']))).toBe(true);
    expect(turns.lapsesAtMs).toBe(150);
    await clock.advance(50);
    expect(turns.putsOff(proposal(['a']))).toBe(false);
  });

  test('beside it, one that has read something else has its own time', async () => {
    say([turn(1, ['a'], 100), turn(2, ['b'], 50)]);
    await clock.advance(50);
    expect(turns.putsOff(proposal(['b']))).toBe(false);
    expect(turns.putsOff(proposal(['a']))).toBe(true);
  });

  test('in half the time where its process is asked to make the next record', () => {
    say([turn(1, ['a'], 100)], 1);
    expect(turns.lapsesAtMs).toBe(50);
  });

  test('and begins anew where it was taken and given again', async () => {
    say([turn(1, ['a'])]);
    await clock.advance(90);
    say([]);
    say([turn(1, ['a'])]);
    expect(turns.lapsesAtMs).toBe(190);
  });
});

describe('after a record', () => {
  test('those that were served have theirs no more, and who has lost comes last', () => {
    say([turn(1, ['a']), turn(2, ['b']), turn(3, ['c'])]);
    const { turns: left } = after([2], asked(4, ['d']));
    expect(left.map(({ processId }) => processId[0])).toEqual([1, 3, 4]);
    expect(left[2]).toEqual(turn(4, ['d'], 70));
  });

  test('who has one keeps its place, and gets no second', () => {
    say([turn(1, ['a'], 100), turn(2, ['b'])]);
    expect(after([], asked(1, ['x'])).turns).toEqual([turn(1, ['a'], 100), turn(2, ['b'])]);
  });

  test('a lapsed one is not repeated', async () => {
    say([turn(1, ['a'])]);
    await clock.advance(100);
    expect(after([]).turns).toEqual([]);
  });

  test('a turn says all that the lost transactions of its process have read', () => {
    expect(after([], asked(1, ['b', 'a'], ['c'])).turns).toEqual([turn(1, ['a', 'b', 'c'], 70)]);
  });

  test('whoever says nothing of what it has lost gets a turn over everything', () => {
    const { turns: given } = after([], asked(1));
    expect(given[0]!.reads).toEqual({ points: [], ranges: [{ begin: new Uint8Array(0), end: undefined }] });
    say(given);
    expect(turns.putsOff(proposal([], ['anything']))).toBe(true);
  });

  test('of more than a turn can say it says where that lies', () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `key ${String(i).padStart(5, '0')}`);
    const { reads } = after([], asked(1, keys)).turns[0]!;
    expect(reads.points).toEqual([]);
    expect(reads.ranges).toEqual([
      { begin: fromStoredKey(keys[0]!), end: fromStoredKey(`${keys.at(-1)!}\0`) },
    ]);
  });

  test(`there are ${TURNS_MAX} at most`, () => {
    const many = Array.from({ length: TURNS_MAX + 9 }, (_, n) => asked(n, [`k${n}`]));
    expect(after([], ...many).turns).toHaveLength(TURNS_MAX);
  });

  test('they are one line where all have read what the first has, those that put off nobody aside', () => {
    expect(after([], asked(1, ['a']), asked(2, ['a', 'b']), asked(3, [])).areSerial).toBe(true);
    expect(after([], asked(1, ['a', 'b']), asked(2, ['a']), asked(3, ['b'])).areSerial).toBe(true);
    expect(after([], asked(1, ['a']), asked(2, ['b'])).areSerial).toBe(false);
    expect(after([]).areSerial).toBe(false);
    expect(after([], asked(1, [])).areSerial).toBe(false);
  });
});

describe('of its own turn a process knows', () => {
  test('nothing where it has none', () => {
    say([turn(1, ['a'])]);
    expect([turns.isNext, turns.ahead]).toEqual([false, undefined]);
  });

  test('how many stand before it that it meets', () => {
    say([turn(1, ['a']), turn(2, ['x']), turn(3, ['b']), turn(OWN, ['a', 'b'])]);
    expect(turns.ahead).toBe(2);
    say([turn(2, ['x']), turn(OWN, ['a', 'b'])]);
    expect(turns.ahead).toBe(0);
  });

  test('that none stands before it once the one before has lapsed', async () => {
    say([turn(1, ['a'], 100), turn(OWN, ['a'])]);
    expect(turns.ahead).toBe(1);
    await clock.advance(100);
    expect(turns.ahead).toBe(0);
  });

  test('that it is to make records next: by a turn that puts off nobody', () => {
    say([turn(1, ['a']), turn(OWN, [])]);
    expect([turns.isNext, turns.ahead]).toEqual([true, undefined]);
    expect(turns.putsOff(proposal(['a']), hex(2))).toBe(true);
  });

  test('or as the second in a line whose first makes the next record', () => {
    const line = [turn(1, ['a']), turn(OWN, ['a']), turn(2, ['a'])];
    say(line, 1);
    expect(turns.isNext).toBe(true);
    say([turn(1, ['a']), turn(2, ['a']), turn(OWN, ['a'])], 1);
    expect(turns.isNext).toBe(false);
    say([...line]);
    expect(turns.isNext).toBe(false);
  });
});

test('others are asked to wait for a few round trips and runs of the body, within bounds', () => {
  expect(turnMs(0, 0)).toBe(20);
  expect(turnMs(50, 30)).toBe(460);
  expect(turnMs(50, 60_000)).toBe(5_000);
  expect(Number.isInteger(turnMs(33.3, 0.7))).toBe(true);
});
