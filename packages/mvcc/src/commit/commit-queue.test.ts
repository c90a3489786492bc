/** Who goes into the next record, and who waits for whom. */
import { ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import { Lifetime } from '../context/lifetime.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import { CommitQueue } from './commit-queue.js';
import type { Contender } from './contender.js';
import { Elders } from './elders.js';
import { Group } from './group.js';
import type { Proposal } from './proposal.js';
import { ReadSet } from './read-set.js';

let clock: ManualClock;
let elders: Elders;
let queue: CommitQueue;
beforeEach(() => {
  clock = new ManualClock();
  elders = new Elders(clock, new Lifetime(), 60_000);
  queue = new CommitQueue(clock, elders, 60_000);
});

/** Reads the key, if it is somebody's, and writes it. */
function proposal(key: string, contender?: Contender): Proposal {
  const reads = new ReadSet();
  if (contender) reads.addPoint(key);
  const changes = new Map([[key, { value: undefined }]]);
  return { reads, changes, deleted: RangeTombstones.none, readVersion: 1, nowMs: 0, bytes: 1, contender };
}
function elder(key: string): Contender {
  const contender = elders.begin(undefined);
  contender.isSlow = true;
  elders.lose(contender, proposal(key, contender));
  return contender;
}
function filled(group: Group = new Group(0)): readonly Proposal[] {
  queue.fill(group);
  return group.members.map((member) => member.proposal);
}

test('who writes what an elder has read goes with it or after it, behind it in the record', () => {
  const [blind, other] = [proposal('a'), proposal('b')];
  queue.join(blind);
  const old = elder('a');
  expect(queue.isIdle).toBe(true);
  queue.join(other);
  expect(filled()).toEqual([other]);
  expect(filled()).toEqual([]);
  const own = proposal('a', old);
  queue.join(own);
  expect(filled()).toEqual([own, blind]);
  expect(queue.isIdle).toBe(true);
});

test('an elder that comes to a group that has lost its slot goes before those that are in it', () => {
  const group = new Group(0);
  const blind = proposal('a');
  queue.join(blind);
  expect(filled(group)).toEqual([blind]);
  const own = proposal('a', elder('a'));
  queue.join(own);
  expect(filled(group)).toEqual([own, blind]);
});

test('the next elder has its turn in the moment in which the one before it is told: nobody comes between them', () => {
  const [old, next] = [elder('a'), elder('a')];
  queue.join(proposal('a', old));
  const group = new Group(0);
  queue.fill(group);
  queue.join(proposal('a'));
  group.members[0]!.resolve({ version: 2, order: 0 });
  expect(next.stage).toBe('turn');
  expect(filled()).toEqual([]);
});

test('who is put off goes after a bounded time: somebody is told, and no timer is left', async () => {
  let overdue = 0;
  queue.onOverdue = () => overdue++;
  const old = elder('a');
  // Its own time does not end that of others.
  elders.handOver(old, proposal('a', old));
  const slow = elders.begin(undefined);
  slow.isSlow = true;
  const doomed = proposal('a', slow);
  queue.join(doomed);
  await clock.advance(9_999);
  expect(queue.isIdle).toBe(true);
  await clock.advance(1);
  expect(overdue).toBe(1);
  expect(filled()).toEqual([doomed]);
  await settled();
  expect(clock.sleepers).toBe(0);
});
