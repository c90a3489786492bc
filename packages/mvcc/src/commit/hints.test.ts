/** Who gets a turn by a record, and whether its maker goes on making them. */
import { ManualClock, seededRandom } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import type { Contention, View } from '../state/view.js';
import type { Collected } from './collector.js';
import { hintsOf } from './hints.js';
import { Lead } from './lead.js';
import type { Accepted, Proposal, Waiting } from './proposal.js';
import { ReadSet } from './read-set.js';
import { Turns } from './turns.js';

const id = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const OWN = 99;

let lead: Lead;
let turns: Turns;
beforeEach(() => {
  const clock = new ManualClock();
  lead = new Lead(clock, seededRandom(1), id(OWN));
  lead.heard();
  turns = new Turns(clock, id(OWN));
});

function waiting(key = 'a', more: Partial<Proposal> = {}): Waiting {
  const reads = new ReadSet();
  reads.addPoint(key);
  return { proposal: { reads, losses: 0, bodyMs: 0, ...more } } as unknown as Waiting;
}
const carried = (n: number, intent: object, ...members: Waiting[]): Collected =>
  ({
    intent: { processId: id(n), turnMs: 70, recordsMade: 0, roundTripMs: 50, ...intent },
    members,
  }) as unknown as Collected;

function hints(
  accepted: readonly Waiting[],
  others: readonly Collected[],
  { own = [], putOff = [] }: { own?: Waiting[]; putOff?: Waiting[] } = {},
): Contention {
  const candidates = { all: [], own: new Set(own), putOff, carried: others, decides: [] };
  const members = accepted.map((one): Accepted => ({ waiting: one, rangeDeletes: [], writes: [] }));
  const contention = { contended: true, turns: [] };
  const parent = { version: 1, madeBy: id(9), contention } as unknown as View;
  return hintsOf(parent, members, candidates, { lead, turns, out: undefined, isOutrun: false });
}
const turnsOf = ({ turns: all }: Contention): number[] => all.map(({ processId }) => processId[0]!);
const named = ({ successor }: Contention): number | undefined => successor?.[0];

test('who has lost gets a turn, of as long as it says', () => {
  const [won, lost] = [waiting(), waiting()];
  const said = hints([won], [carried(1, {}, won), carried(2, {}, lost)]);
  expect(said.turns).toMatchObject([{ processId: id(2), waitMs: 70 }]);
});

test('whose body will not run again asks for none', () => {
  const won = waiting();
  expect(turnsOf(hints([won], [carried(1, {}, won), carried(2, { turnMs: 0 }, waiting())]))).toEqual([]);
  const putOff = [waiting('a', { isLastTry: true })];
  expect(turnsOf(hints([won], [carried(1, {}, won)], { putOff }))).toEqual([]);
});

test('an intent without transactions asks for one on everything, unless a flush is in it', () => {
  const others = [carried(1, {}), carried(2, { flush: { after: 1, through: 2, runs: [] } })];
  expect(turnsOf(hints([], others))).toEqual([1]);
});

test('who makes records goes on while something of its own is in them, or waits for a turn', () => {
  const [won, own] = [waiting(), waiting()];
  const others = [carried(1, {}, won), carried(2, {}, waiting('b')), carried(3, {}, waiting('c'))];
  expect(named(hints([won], others))).toBe(1);
  expect(named(hints([won, own], others, { own: [own] }))).toBe(OWN);
  expect(named(hints([won], others, { putOff: [own] }))).toBe(OWN);
  expect(named(hints([won], others, { putOff: [waiting('a', { isLastTry: true })] }))).toBe(1);
});
