/** One answer that never comes holds up its own probe only; every strong read still reflects what came before it. */
import { MemoryStore } from '@holdfast/object-store';
import { GatedStore, ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';

const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;

let memory: MemoryStore;
let stuck: boolean;
let gated: GatedStore;
let clock: ManualClock;
let reader: Database;
let writer: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  stuck = false;
  gated = new GatedStore(memory, { when: () => stuck });
  clock = new ManualClock();
  writer = await openDatabase(memory, OPTIONS);
  await writer.set('n', 0);
  reader = await openDatabase(gated, { ...OPTIONS, clock });
});

/** A strong read whose probe is on its way, and stays there. */
async function stuckRead(): Promise<{ readonly answer: Promise<unknown> }> {
  const before = gated.pending.length;
  stuck = true;
  const answer = reader.get('n');
  await gated.waitForPending(before + 1);
  stuck = false;
  return { answer };
}

test('who comes later is not held up by a probe that is not answered, and its own readers no longer', async () => {
  const first = await stuckRead();
  await writer.set('n', 1);
  const later = Promise.all([reader.get('n'), reader.get('n')]);
  await settled();
  expect(gated.pending).toHaveLength(1);
  await clock.advance(500);
  expect(await later).toEqual([1, 1]);
  // Sent after it was asked, the later probe is as fresh as the stuck one would have been.
  expect(await first.answer).toBe(1);
  expect(await reader.get('n')).toBe(1);
  // What comes late changes nothing.
  await gated.open();
  expect(await reader.get('n')).toBe(1);
});

test('a probe that is answered in time is waited for, and shared', async () => {
  const first = await stuckRead();
  const later = [reader.get('n'), reader.get('n')];
  await clock.advance(499);
  expect(gated.pending).toHaveLength(1);
  await gated.pending[0]!.release();
  expect(await Promise.all([first.answer, ...later])).toEqual([0, 0, 0]);
});

test('a read never takes the answer of a probe that was sent before it', async () => {
  const first = await stuckRead();
  await writer.set('n', 1);
  const later = reader.get('n');
  // It found the slot empty, before the write.
  const failed = expect(first.answer).rejects.toThrow('lost');
  await gated.pending[0]!.fail(new Error('lost'));
  await failed;
  expect(await later).toBe(1);
});

test('a probe that fails tells its own readers, while the one after it goes on', async () => {
  const first = await stuckRead();
  stuck = true;
  const later = reader.get('n');
  await clock.advance(500);
  await gated.waitForPending(2);
  stuck = false;
  const [one, two] = gated.pending;
  const failed = expect(first.answer).rejects.toThrow('lost');
  await one!.fail(new Error('lost'));
  await failed;
  await two!.release();
  expect(await later).toBe(0);
});

test('probes that are all stuck are not sent without end', async () => {
  const first = await stuckRead();
  stuck = true;
  const later: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    later.push(reader.get('n'));
    await clock.advance(600);
  }
  expect(gated.pending).toHaveLength(4);
  stuck = false;
  await gated.pending[0]!.release();
  expect(await first.answer).toBe(0);
  // There is room for another one, which serves all who came meanwhile.
  await settled();
  expect(await Promise.all(later)).toEqual(later.map(() => 0));
});

test('a look that finds all its slots taken does not confirm the tip: more may be behind them', async () => {
  const { tip } = await openParts(memory, { ...OPTIONS, clock });
  const { confirmedAt } = tip;
  const { version } = tip.view;
  for (let n = 1; n <= 3; n++) await writer.set('n', n);
  await clock.advance(1_000);
  await tip.step(2);
  expect(tip.view.version).toBe(version + 2);
  expect(tip.confirmedAt).toEqual(confirmedAt);
  await tip.step(2);
  expect(tip.view.version).toBe(version + 3);
  expect(tip.confirmedAt.monotonic).toBe(clock.monotonic());
});
