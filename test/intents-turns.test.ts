/** Turns between databases: whom they hold up, and that nobody else waits because of them. */
import { type AnnouncedTransaction, recordName } from '@holdfast/core';
import type { Transaction } from '@holdfast/mvcc';
import { beforeEach, expect, test } from 'vitest';
import { type Rival, Rivals, ROUND_TRIP_MS, storedKey } from './support/rivals.js';

const TURN_MS = 2_000;

let rivals: Rivals;
let leader: Rival;
let other: Rival;
beforeEach(async () => {
  rivals = new Rivals();
  [leader, other] = await rivals.contended();
});

/** Has read a key too long ago, and writes it. */
function stale(key: string): AnnouncedTransaction {
  return { ...rivals.write(key, 'stale'), reads: { points: [storedKey(key)], ranges: [] } };
}

/** So many processes that don't come back have a turn each, on the key of theirs. */
async function held(keys: readonly string[], turnMs: number = TURN_MS): Promise<void> {
  for (const key of keys) await rivals.run(leader.db.set(key, 'newer'));
  for (const [i, key] of keys.entries())
    await rivals.announce({
      processId: new Uint8Array(16).fill(1 + i),
      base: leader.db.version,
      turnMs,
      transactions: [stale(key)],
    });
  do await rivals.busy(leader, 1);
  while ((await rivals.record(leader.db.version)).body.turns.length < keys.length);
}

test('who makes the records looks for others while its own waits for somebody whose turn it is', async () => {
  await held(['a', 'b']);
  await rivals.run(other.db.get('busy'));
  // So that nobody else makes a record.
  other.gate.shut();
  const told = other.db.set('other', 1);
  await rivals.clock.advance(ROUND_TRIP_MS + 1);
  const startMs = rivals.clock.monotonic();
  const putOff = leader.db.transact(async (tx) => tx.set('a', [await tx.get('a')]));
  await rivals.run(told);
  expect(rivals.clock.monotonic() - startMs).toBeLessThan(TURN_MS / 4);
  await rivals.run(other.gate.open());
  await rivals.run(putOff);
  expect(rivals.clock.monotonic() - startMs).toBeGreaterThan(TURN_MS / 2);
});

test('what is announced and would write what somebody whose turn it is has read, is not in a record', async () => {
  await held(['a', 'b']);
  const read = (await rivals.run(leader.db.getEntry('a')))!;
  await rivals.announce({
    base: leader.db.version,
    transactions: [{ ...stale('a'), readVersion: leader.db.version }, rivals.write('other', 1)],
  });
  await rivals.busy(leader, 8);
  expect(await rivals.run(leader.db.get('other'))).toBe(1);
  expect(await rivals.run(leader.db.getEntry('a'))).toEqual(read);
});

test('whose body would not run again is not told of a conflict that there is not', async () => {
  await held(['a', 'b']);
  await rivals.run(other.db.get('busy'));
  const body = async (tx: Transaction): Promise<void> => tx.set('a', [await tx.get('a')]);
  await rivals.busyUntil(leader, other.db.transact(body, { maxRetries: 0 }));
  expect(await rivals.run(leader.db.get('a'))).toEqual(['newer']);
});

test('who waits for somebody whose turn it is does not take the slot from that one, to say so', async () => {
  await held(['a', 'b']);
  await rivals.run(other.db.get('busy'));
  const { version } = other.db;
  const told = other.db.transact(async (tx) => tx.set('a', [await tx.get('a')]));
  await rivals.clock.advance(TURN_MS / 2);
  expect(rivals.server.objects().has(recordName(version + 1))).toBe(false);
  await rivals.run(told);
  expect(await rivals.run(other.db.get('a'))).toEqual(['newer']);
});

test('what waits for somebody whose turn it is, is taken back when the time for the commit is over', async () => {
  await held(['a', 'b'], 5_000);
  const hasty = await rivals.open({ commitTimeoutMs: 1_000 });
  await rivals.run(hasty.db.get('busy'));
  const startMs = rivals.clock.monotonic();
  const told = hasty.db.transact(async (tx) => tx.set('a', [await tx.get('a')]));
  await expect(rivals.run(told)).rejects.toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
  expect(rivals.clock.monotonic() - startMs).toBeLessThan(1_500);
  await rivals.busy(leader, 4);
  expect(await rivals.run(leader.db.get('a'))).toBe('newer');
});

test('a last try goes alone: it is not told of a conflict because of what is announced beside it', async () => {
  await held(['a', 'b']);
  await rivals.run(other.db.get('busy'));
  const body = async (tx: Transaction): Promise<void> => tx.set('a', [await tx.get('a')]);
  const both = [other.db.transact(body, { maxRetries: 0 }), other.db.set('other', 1)];
  await rivals.busyUntil(leader, Promise.all(both));
  expect(await rivals.run(leader.db.get('a'))).toEqual(['newer']);
});

test('what is announced waits no longer than the longest turn, though many are dead that had one', async () => {
  await held(Array.from({ length: 8 }, () => 'a'));
  await rivals.run(other.db.get('busy'));
  const startMs = rivals.clock.monotonic();
  await rivals.run(other.db.transact(async (tx) => tx.set('a', [await tx.get('a')])));
  expect(rivals.clock.monotonic() - startMs).toBeLessThan(2 * TURN_MS);
  expect(await rivals.run(other.db.get('a'))).toEqual(['newer']);
});
