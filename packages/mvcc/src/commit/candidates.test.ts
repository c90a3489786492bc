/** Whose transactions may be in the next record, and who goes before whom. */
import { ManualClock } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import { RangeTombstones } from '../state/range-tombstones.js';
import { fromStoredKey } from '../state/space.js';
import type { View } from '../state/view.js';
import type { Outstanding } from './announcer.js';
import { candidatesOf } from './candidates.js';
import type { Collected } from './collector.js';
import type { Proposal, Waiting } from './proposal.js';
import { ReadSet } from './read-set.js';
import { Turns } from './turns.js';

const id = (n: number): Uint8Array => new Uint8Array(16).fill(n);

let turns: Turns;
beforeEach(() => {
  turns = new Turns(new ManualClock(), id(99));
});

/** Somebody has a turn: `n`, on a key. */
function say(n: number, key: string): void {
  const turn = { processId: id(n), waitMs: 100, reads: { points: [fromStoredKey(key)], ranges: [] } };
  turns.update({ contention: { contended: true, turns: [turn] }, clockMs: new ManualClock().now() } as View);
}
/** Reads and writes one key. */
function waiting(key: string, more: Partial<Proposal> = {}): Waiting {
  const reads = new ReadSet();
  reads.addPoint(key);
  const changes = new Map([[key, { value: undefined }]]);
  const proposal = { reads, changes, deleted: RangeTombstones.none, losses: 0, bodyMs: 0, ...more };
  return { proposal } as unknown as Waiting;
}
const carried = (n: number, ...members: Waiting[]): Collected =>
  ({ intent: { processId: id(n) }, members }) as unknown as Collected;
const candidates = (own: Waiting[], others: Collected[]): ReturnType<typeof candidatesOf> =>
  candidatesOf(own, others, { turns, out: undefined, givesUp: false, isPatient: true });

test('what would write to what a turn has read is told of it, and in no record', () => {
  say(1, 'a');
  const [inTheWay, other, whose] = [waiting('a'), waiting('b'), waiting('a')];
  const intents = [carried(2, inTheWay, other), carried(1, whose)];
  const { all, decides } = candidates([], intents);
  expect(all).toEqual([other, whose]);
  expect(decides).toEqual(intents);
});

test('what is out and in the way of a turn is told of it, but for a last try', () => {
  say(1, 'a');
  const [runsAgain, lastTry] = [waiting('a'), waiting('a', { isLastTry: true })];
  const out = { members: [runsAgain, lastTry] } as unknown as Outstanding;
  const { all, decides } = candidatesOf([], [], { turns, out, givesUp: false, isPatient: true });
  expect(all).toEqual([lastTry]);
  expect(decides).toEqual([out]);
});

test('who has lost before comes first', () => {
  const [young, elder] = [waiting('a'), waiting('a', { losses: 1 })];
  expect(candidates([], [carried(1, young), carried(2, elder)]).all).toEqual([elder, young]);
});

test('of its own, what can run again in the record comes last, and what can not before the young of others', () => {
  const [fast, slow] = [waiting('a', { rerun: async () => undefined }), waiting('a')];
  const [young, elder] = [waiting('a'), waiting('a', { losses: 1 })];
  expect(candidates([fast, slow], [carried(1, young), carried(2, elder)]).all).toEqual([
    elder,
    slow,
    young,
    fast,
  ]);
});
