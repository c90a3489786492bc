/** Who makes the next record, what a record says of that, and when somebody looks for others. */
import { TURNS_MAX, type Turn } from '@holdfast/core';
import { ManualClock, seededRandom } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Contention, View } from '../state/view.js';
import type { Collected } from './collector.js';
import { Lead } from './lead.js';

const id = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const OWN = 99;
/** Who made the record before. */
const BEFORE = 9;

let clock: ManualClock;
let lead: Lead;
beforeEach(() => {
  clock = new ManualClock();
  lead = new Lead(clock, seededRandom(1), id(OWN));
});

const view = (version: number, contention: Partial<Contention> = {}, madeBy = BEFORE): View =>
  ({
    version,
    contention: { contended: false, turns: [], ...contention },
    madeBy: id(madeBy),
  }) as unknown as View;
const carried = (n: number, recordsMade = 0, roundTripMs = 50): Collected =>
  ({ intent: { processId: id(n), recordsMade, roundTripMs, turnMs: 123 } }) as unknown as Collected;
const turn = (n: number): Turn => ({ processId: id(n), waitMs: 10, reads: { points: [], ranges: [] } });

function hints(parent: number, o: Partial<Parameters<Lead['hints']>[0]> = {}): Contention {
  const { contention, madeBy } = view(parent);
  const state = { version: parent, madeBy, contention };
  return lead.hints({
    parent: state,
    turns: [],
    areSerial: false,
    stays: true,
    isOutrun: false,
    carried: [],
    ...o,
  });
}
/** Makes the record after `parent`, as others are heard of or not. */
function make(parent: number, o: Partial<Parameters<Lead['hints']>[0]> = {}): Contention {
  if (o.carried?.length) lead.heard();
  const said = hints(parent, o);
  lead.made(parent + 1, false);
  return said;
}
const named = ({ successor }: Contention): number | undefined => successor?.[0];

test('a round trip is what sending a record takes lately', () => {
  expect(lead.roundTripMs).toBe(100);
  lead.answered(40);
  expect(lead.roundTripMs).toBe(40);
  lead.answered(80);
  expect(lead.roundTripMs).toBe(50);
});

describe('the record after a state may be made', () => {
  test('at once, where nobody else is at it', () => {
    lead.saw(view(5));
    expect(lead.mayLeadAtMs(view(5))).toBe(Number.NEGATIVE_INFINITY);
  });

  test('at once by whom it names', () => {
    const state = view(5, { contended: true, successor: id(OWN) });
    lead.saw(state);
    expect(lead.mayLeadAtMs(state)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('after some silence by whoever has announced what it has, and is outrun', async () => {
    await clock.advance(1_000);
    lead.answered(400);
    lead.saw(view(5));
    expect(lead.mayLeadAtMs(view(5), true)).toBeGreaterThanOrEqual(1_000 + 1.75 * 400);
  });

  test('by others after some silence, each after its own, and the same however often it asks', async () => {
    const state = view(5, { contended: true, successor: id(1) });
    lead.answered(40);
    await clock.advance(1_000);
    lead.saw(state);
    await clock.advance(10);
    lead.saw(state);
    const atMs = lead.mayLeadAtMs(state);
    expect(atMs).toBeGreaterThanOrEqual(1_000 + 1.75 * 40);
    expect(atMs).toBeLessThanOrEqual(1_000 + 2.75 * 40);
    expect(lead.mayLeadAtMs(state)).toBe(atMs);
    const other = new Lead(clock, seededRandom(2), id(1));
    other.answered(40);
    other.saw(state);
    expect(other.mayLeadAtMs(view(5, { contended: true }))).not.toBe(atMs);
  });
});

describe('a record says', () => {
  test('nothing where nobody else was heard of', () => {
    expect(make(1)).toEqual({ contended: false, turns: [] });
  });

  test('that its own writer goes on, for a term of 16, and then another does', () => {
    const said = Array.from({ length: 18 }, (_, i) => make(1 + i, { carried: [carried(1)] }));
    expect(said.map(named)).toEqual([...new Array(15).fill(OWN), 1, 1, 1]);
  });

  test('the same after 8 while there are turns of those who have lost', () => {
    const turns = [{ ...turn(2), reads: { points: [id(7)], ranges: [] } }];
    const said = Array.from({ length: 9 }, (_, i) => make(1 + i, { turns, carried: [carried(1)] }));
    expect(said.map(named)).toEqual([...new Array(7).fill(OWN), 1, 1]);
  });

  test('that its own writer goes on, also where what it has itself waits for a turn', () => {
    expect(named(make(1, { stays: true, carried: [carried(1)] }))).toBe(OWN);
    expect(named(make(2, { stays: false, carried: [carried(1)] }))).toBe(1);
  });

  test('to whoever is next that it is, two records before', () => {
    const said = Array.from({ length: 16 }, (_, i) => make(1 + i, { carried: [carried(1)] }));
    const notices = said.map(({ turns }) => turns.map(({ processId }) => processId[0]));
    expect(notices.flat()).toEqual([1]);
    expect(said[13]!.turns).toEqual([{ processId: id(1), waitMs: 123, reads: { points: [], ranges: [] } }]);
  });

  test('the one it has told, though another has made fewer records meanwhile', () => {
    for (let i = 0; i < 15; i++) make(1 + i, { carried: [carried(1, 5)] });
    expect(named(make(16, { carried: [carried(2, 0)] }))).toBe(1);
  });

  test('whoever has made the fewest, and does not take more than twice as long', () => {
    lead.answered(50);
    const others = [carried(1, 9), carried(2, 1, 101), carried(3, 4, 100), carried(OWN, 0)];
    expect(named(make(1, { stays: false, carried: others }))).toBe(3);
  });

  test('itself, where it is over its term and nobody else will do', () => {
    for (let i = 0; i < 30; i++) {
      lead.heard();
      expect(named(make(1 + i))).toBe(OWN);
    }
  });

  test('whoever made the record before, where others make records faster, and nobody that it carries will do', () => {
    lead.answered(50);
    expect(named(make(1, { isOutrun: true, carried: [carried(1, 0, 50)] }))).toBe(1);
    lead.heard();
    expect(named(make(2, { isOutrun: true }))).toBe(BEFORE);
  });

  test('the first of a line that waits for one key, unless it carries several others', () => {
    const line = { turns: [turn(1), turn(2)], areSerial: true };
    expect(named(make(1, { ...line, carried: [carried(3)] }))).toBe(1);
    expect(named(make(2, { ...line, carried: [carried(3), carried(4)] }))).toBe(OWN);
  });

  test('not again the one that was named by the record before, and has let another make this one', () => {
    const parent = view(1, { contended: true, successor: id(1) });
    expect(named(hints(1, { parent, turns: [turn(1), turn(2)], areSerial: true }))).toBe(OWN);
  });

  test('that there is contention as long as there are turns', () => {
    expect(make(1, { turns: [turn(1)] })).toMatchObject({ contended: true, turns: [turn(1)] });
  });

  test('no more turns than a record takes, a notice to whoever is next included', () => {
    const turns = Array.from({ length: TURNS_MAX }, (_, n) => turn(n));
    for (let i = 0; i < 40; i++) {
      const said = make(1 + i, { turns, carried: [carried(1), carried(2)] });
      expect(said.turns.length).toBeLessThanOrEqual(TURNS_MAX);
    }
  });

  test('a term begins anew where another has made a record in between', () => {
    for (let i = 0; i < 10; i++) make(1 + i, { carried: [carried(1)] });
    lead.lost();
    const said = Array.from({ length: 16 }, (_, i) => make(20 + i, { carried: [carried(1)] }));
    expect(said.map(named)).toEqual([...new Array(15).fill(OWN), 1]);
  });
});

describe('contention is over', () => {
  test('after four records without news of others', () => {
    lead.heard();
    expect([1, 2, 3, 4, 5].map((parent) => make(parent).contended)).toEqual([true, true, true, true, false]);
  });

  test('after two, where it is known from others’ records only', () => {
    lead.saw(view(5, { contended: true }));
    expect([5, 6, 7].map((parent) => make(parent).contended)).toEqual([true, true, false]);
  });

  test('later, where one that is far away was heard of: it takes its time between two of its intents', async () => {
    lead.answered(50);
    lead.heard(400);
    for (let parent = 1; parent < 20; parent++) {
      expect(make(parent).contended).toBe(true);
      await clock.advance(50);
    }
    await clock.advance(4 * 400);
    expect(make(20).contended).toBe(false);
  });

  test('and what a process says itself does not make it go on', () => {
    lead.heard();
    for (let parent = 1; parent < 5; parent++) {
      expect(hints(parent).contended).toBe(true);
      lead.saw(view(parent + 1, { contended: true }, OWN));
      lead.made(parent + 1, false);
    }
    expect(make(5).contended).toBe(false);
  });
});

describe('others are looked for', () => {
  /** Beside which of its records, one each `ms`. */
  async function looks(records: number, ms: number): Promise<number[]> {
    const found: number[] = [];
    for (let n = 1; n <= records; n++) {
      await clock.advance(ms);
      const due = lead.isListingDue(view(n));
      if (due) found.push(n);
      lead.made(n + 1, due);
    }
    return found;
  }

  test('in a row of one’s own records, soon and then every 32nd', async () => {
    lead.answered(50);
    expect(await looks(100, 50)).toEqual([6, 10, 16, 32, 64, 96]);
  });

  test('never where records are far apart', async () => {
    lead.answered(50);
    expect(await looks(40, 200)).toEqual([]);
  });

  test('no oftener where the store answers faster than the process computes', async () => {
    lead.answered(0.1);
    expect(await looks(100, 3)).toEqual([6, 10, 16, 32, 64, 96]);
  });

  test('anew in a row that begins after another’s record', async () => {
    lead.answered(50);
    await looks(8, 50);
    lead.lost();
    expect(await looks(10, 50)).toEqual([6, 10]);
  });

  test('beside every third record while others are about', async () => {
    const found: boolean[] = [];
    for (let n = 1; n <= 10; n++) {
      lead.heard();
      const due = lead.isListingDue(view(n));
      found.push(due);
      lead.made(n + 1, due);
    }
    expect(found.map(Number).join('')).toMatch(/^0?1(001)+0*$/);
  });

  test('at once by who comes to make records, and while there are turns', () => {
    expect(lead.isListingDue(view(7, { contended: true }))).toBe(true);
    lead.made(8, true);
    expect(lead.isListingDue(view(8, { contended: true, turns: [turn(1)] }))).toBe(true);
  });
});
