/** Who has a turn, who waits for it, and for how long. */
import { ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import { Lifetime } from '../context/lifetime.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import type { Contender, Touched } from './contender.js';
import { Elders, TURN_MS_MAX } from './elders.js';
import type { Proposal } from './proposal.js';
import { ReadSet } from './read-set.js';

let clock: ManualClock;
let lifetime: Lifetime;
let elders: Elders;
beforeEach(() => {
  clock = new ManualClock();
  lifetime = new Lifetime();
  elders = new Elders(clock, lifetime, 60_000);
});

const touched = (reads: string[], writes: string[] = reads): Touched => {
  const set = new ReadSet();
  for (const key of reads) set.addPoint(key);
  const changes = new Map(writes.map((key) => [key, { value: undefined }]));
  return { reads: set, changes, deleted: RangeTombstones.none };
};
const proposal = (what: Touched, contender?: Contender): Proposal => ({
  ...what,
  readVersion: 1,
  nowMs: 0,
  bytes: 1,
  contender,
});
/** One that has lost, with a body that waits. */
function elder(what: Touched, signal?: AbortSignal): Contender {
  const contender = elders.begin(signal);
  elders.run(contender);
  contender.isSlow = true;
  elders.lose(contender, what);
  return contender;
}
async function hasGone(turn: Promise<void>): Promise<boolean> {
  let gone = false;
  turn.then(() => {
    gone = true;
  });
  await settled();
  return gone;
}

test('what an elder in its turn has read is left alone by others, and nothing else', () => {
  const old = elder(touched(['a'], ['b']));
  expect(elders.mustWait(proposal(touched(['x'], ['a'])))).toBe(true);
  expect(elders.mustWait(proposal(touched([], ['a'])))).toBe(true);
  expect(elders.mustWait(proposal(touched(['a'], ['x'])))).toBe(false);
  expect(elders.mustWait(proposal(touched([], ['b'])))).toBe(false);
  expect(elders.mustWait(proposal(touched(['a']), old))).toBe(false);
  elders.leave(old);
  expect(elders.mustWait(proposal(touched(['a'])))).toBe(false);
});

test('behind what an elder has handed over others may go, unless they would only lose to it', () => {
  const old = elder(touched(['a']));
  elders.handOver(old, touched(['a']));
  const young = elders.begin(undefined);
  expect(elders.mustWait(proposal(touched(['a']), young))).toBe(false);
  young.isSlow = true;
  expect(elders.mustWait(proposal(touched(['a']), young))).toBe(true);
  expect(elders.mustWait(proposal(touched([], ['a']), young))).toBe(false);
});

test('who began first is first, whoever has lost first, and a turn that has begun goes on', async () => {
  const [eldest, elderly, youngest] = [0, 1, 2].map(() => elders.begin(undefined));
  for (const contender of [youngest!, elderly!, eldest!]) {
    contender.isSlow = true;
    elders.lose(contender, touched(['a']));
  }
  const turns = [eldest!, elderly!].map((contender) => elders.turn(contender));
  expect(youngest!.stage).toBe('turn');
  elders.leave(youngest!);
  expect(await hasGone(turns[0]!)).toBe(true);
  expect(await hasGone(turns[1]!)).toBe(false);
  elders.leave(eldest!);
  expect(await hasGone(turns[1]!)).toBe(true);
});

test("elders that are not in each other's way have their turns at once", () => {
  expect(elder(touched(['a'])).stage).toBe('turn');
  expect(elder(touched(['b'])).stage).toBe('turn');
  expect(elder(touched(['b', 'c'])).stage).toBe('elder');
  expect(elder(touched(['c'], [])).stage).toBe('elder');
  expect(elder(touched(['d'], [])).stage).toBe('turn');
  expect(elder(touched(['d'], [])).stage).toBe('turn');
});

test('a body that waits for nothing does not wait for its turn: it can be in the record of its predecessor', async () => {
  elder(touched(['a']));
  const fast = elder(touched(['a']));
  fast.isSlow = false;
  expect(await hasGone(elders.turn(fast))).toBe(true);
  expect(fast.stage).toBe('elder');
});

test('a turn is over after a bounded time, and there is no other', async () => {
  const old = elder(touched(['a']));
  const next = elder(touched(['a']));
  const turn = elders.turn(next);
  await clock.advance(999);
  expect(await hasGone(turn)).toBe(false);
  await clock.advance(1);
  expect(await hasGone(turn)).toBe(true);
  expect(old.stage).toBe('over');
  elders.lose(old, touched(['a']));
  expect(old.stage).toBe('over');
});

test('who waits for its turn waits for a bounded time, and then runs without', async () => {
  const old = elder(touched(['a']));
  elders.handOver(old, touched(['a']));
  const turn = elders.turn(elder(touched(['a'])));
  await clock.advance(59_999);
  expect(await hasGone(turn)).toBe(false);
  await clock.advance(1);
  expect(await hasGone(turn)).toBe(true);
  expect(clock.sleepers).toBe(0);
});

test('a body that took long has longer, up to a limit', async () => {
  for (const [bodyMs, turnMs] of [
    [2_000, 5_000],
    [60_000, TURN_MS_MAX],
  ] as const) {
    const contender = elders.begin(undefined);
    elders.run(contender);
    await clock.advance(bodyMs);
    elders.lose(contender, touched(['a']));
    await clock.advance(turnMs - 1);
    expect(contender.stage).toBe('turn');
    await clock.advance(1);
    expect(contender.stage).toBe('over');
  }
});

test('what is handed over takes the time that it takes; taken back, its next run is bounded again', async () => {
  const old = elder(touched(['a']));
  elders.handOver(old, touched(['a']));
  expect(clock.sleepers).toBe(0);
  await clock.advance(60_000);
  expect(old.stage).toBe('turn');
  elders.takeBack(old);
  expect(clock.sleepers).toBe(1);
  await clock.advance(TURN_MS_MAX);
  expect(old.stage).toBe('over');
});

test('an elder that was aborted has left, and so has one whose database begins to close: no timer is left', async () => {
  const stop = new AbortController();
  const aborted = elder(touched(['a']), stop.signal);
  const next = elder(touched(['a']));
  const last = elder(touched(['a']));
  const turn = elders.turn(last);
  stop.abort();
  expect(aborted.stage).toBe('young');
  expect(next.stage).toBe('turn');
  lifetime.close();
  expect(await hasGone(turn)).toBe(true);
  expect(elders.isEmpty).toBe(true);
  expect(clock.sleepers).toBe(0);
  elder(touched(['a']));
  expect(elders.isEmpty).toBe(true);
});

test('whoever may go because of a change is told of it', () => {
  let changes = 0;
  elders.onChange = () => changes++;
  const old = elder(touched(['a']));
  const before = changes;
  elders.handOver(old, touched(['a']));
  expect(changes).toBeGreaterThan(before);
  const handedOver = changes;
  elders.leave(old);
  expect(changes).toBeGreaterThan(handedOver);
});

test('two that have turns and touch the same after all do not wait for each other', () => {
  const [one, other] = [elder(touched(['a'])), elder(touched(['b']))];
  elders.handOver(one, touched(['a', 'b']));
  elders.handOver(other, touched(['a', 'b']));
  expect(elders.mustWait(proposal(touched(['a', 'b']), one))).toBe(false);
  expect(elders.mustWait(proposal(touched(['a', 'b']), other))).toBe(true);
});
