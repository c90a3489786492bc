/** `commitTimeoutMs` and a caller's signal bound everything that waits in a commit, whatever the store does. */
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore, ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import { backoffMs, Deadline } from './deadline.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const FOREVER = { times: Number.POSITIVE_INFINITY };
const isLog = (key: string): boolean => key.startsWith('log/');
const isSegment = (key: string): boolean => key.startsWith('seg/');
const isPage = (key: string): boolean => key.startsWith('man/');

let memory: MemoryStore;
let faulty: FaultyStore;
let clock: ManualClock;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  faulty = new FaultyStore(memory);
  clock = new ManualClock();
  db = await openDatabase(faulty, { ...OPTIONS, clock, commitTimeoutMs: 1_000 });
  await db.set('n', 0);
});

/** What it fails with, and how long that took by the clock. */
async function failureOf(work: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const began = clock.monotonic();
  const error: unknown = await clock.runUntil(
    work.then(
      (value) => new Error(`expected a failure, found ${String(value)}`),
      (reason: unknown) => reason,
    ),
  );
  return { error, ms: clock.monotonic() - began };
}

const newProcess = (): Promise<Database> => openDatabase(memory, OPTIONS);

describe('a store that never answers', () => {
  test('to the PUT of the record, nor to the fence: OUTCOME_UNKNOWN, a quarter of the time later', async () => {
    faulty.hang('put', FOREVER);
    const { error, ms } = await failureOf(db.set('a', 1));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    expect(ms).toBeLessThanOrEqual(1_250);
  });

  test('to the PUT of the record, but to the fence: UNAVAILABLE, and it did not happen', async () => {
    faulty.hang('put', { when: isLog });
    const { error, ms } = await failureOf(db.set('a', 1));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    expect(ms).toBe(1_000);
    expect(await (await newProcess()).get('a')).toBeUndefined();
  });

  test('to the reads that find out who won: OUTCOME_UNKNOWN', async () => {
    await (await newProcess()).set('rival', 1);
    faulty.hang('get', FOREVER);
    const { error, ms } = await failureOf(db.set('a', 1));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    expect(ms).toBeLessThanOrEqual(1_250);
  });

  test('to a read of validation: nothing was sent', async () => {
    // A large transaction of another process: its writes are in segments only.
    const body = db.transact(async (tx) => {
      await tx.get(['k', 1]);
      await (await newProcess()).transact((large) => {
        for (let i = 0; i < 700; i++) large.set(['k', 2 * i], 'x'.repeat(1_000));
      });
      await db.get('n');
      faulty.hang('get', { ...FOREVER, when: isSegment });
      tx.set('a', 1);
    });
    const { error, ms } = await failureOf(body);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    expect(ms).toBeLessThanOrEqual(1_250);
    faulty.clear();
    expect(await (await newProcess()).get('a')).toBeUndefined();
    await clock.runUntil(db.set('b', 1));
  });

  test('to the upload of a manifest page: nothing was sent', async () => {
    for (let i = 0; i < 60; i++) {
      await db.set(['k', i], i);
      await db.flush();
    }
    faulty.hang('put', { ...FOREVER, when: isPage });
    let failure: { error: unknown; ms: number } | undefined;
    // One of these grows the page in the record beyond what stays there.
    for (let i = 60; i < 120 && !failure; i++) {
      await clock.runUntil(db.set(['k', i], i));
      failure = await failureOf(db.flush().then(() => Promise.reject(new Error('published'))));
      if ((failure.error as Error).message === 'published') failure = undefined;
    }
    expect(failure?.error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    expect(failure?.ms).toBeLessThanOrEqual(1_250);
  });

  test('to the probe before the first write: nothing was sent, and the next write is probed for again', async () => {
    const other = await openDatabase(faulty, { ...OPTIONS, probe: 'always', clock, commitTimeoutMs: 1_000 });
    faulty.hang('put', { ...FOREVER, when: (key) => key.startsWith('probe/') });
    const { error, ms } = await failureOf(other.set('a', 1));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    expect(ms).toBe(1_000);
    faulty.clear();
    await clock.runUntil(other.set('a', 2));
    expect(await (await newProcess()).get('a')).toBe(2);
  });

  test('is not waited for by those behind: they hear of it in the time of their own', async () => {
    faulty.hang('put', FOREVER);
    const began = clock.monotonic();
    const first = failureOf(db.set('a', 1));
    await settled();
    await clock.advance(600);
    const second = db.set('b', 1).then(
      () => 'done',
      (error: { code: string }) => `${error.code} after ${clock.monotonic() - began - 600}`,
    );
    await first;
    const heard = await clock.runUntil(second);
    const [code, ms] = heard.split(' after ');
    expect(['UNAVAILABLE', 'OUTCOME_UNKNOWN']).toContain(code);
    expect(Number(ms)).toBeLessThanOrEqual(2_500);
  });

  test('for longer than the next one may wait: that one was never sent, and says so', async () => {
    faulty.hang('put', FOREVER);
    const first = db.set('a', 1).catch(() => {});
    await settled();
    const behind = db.set('b', 1);
    const { error } = await failureOf(behind);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    faulty.clear();
    await first;
    expect(await (await newProcess()).get('b')).toBeUndefined();
  });
});

test('a store that asks to be left alone for an hour is tried once more when the time is over', async () => {
  faulty.failBefore('put', {
    error: new StoreError('UNAVAILABLE', '503', { retryAfterMs: 3_600_000 }),
    when: isLog,
  });
  const began = clock.monotonic();
  await clock.runUntil(db.set('a', 1));
  expect(clock.monotonic() - began).toBeLessThanOrEqual(1_000);
  faulty.failBefore('put', {
    ...FOREVER,
    error: new StoreError('UNAVAILABLE', '503', { retryAfterMs: 3_600_000 }),
    when: isLog,
  });
  const { error, ms } = await failureOf(db.set('a', 2));
  expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
  expect(ms).toBeLessThanOrEqual(1_250);
});

test('the signal that a database was opened with does not end its first write', async () => {
  const opening = new AbortController();
  const other = await openDatabase(memory, { ...OPTIONS, probe: 'always', signal: opening.signal });
  opening.abort(new Error('the opening took too long'));
  await other.set('a', 1);
});

describe('a caller that leaves', () => {
  const reason = new Error('left');

  test('while its group waits for the probe of the store hears of it at once, and nothing of it is sent', async () => {
    const gated = new GatedStore(memory, { open: true });
    const other = await openDatabase(gated, { ...OPTIONS, probe: 'always' });
    gated.shut();
    const stop = new AbortController();
    const gone = other.set('a', 1, { signal: stop.signal }).catch((error: unknown) => error);
    const stays = other.set('b', 1);
    await gated.waitForPending(1);
    stop.abort(reason);
    expect(await gone).toBe(reason);
    await gated.open();
    await stays;
    expect(await other.getMany(['a', 'b'])).toEqual([undefined, 1]);
  });

  test('while a page of its record is uploaded: the others are sent without it', async () => {
    const gated = new GatedStore(memory, { when: ({ kind, key }) => kind === 'put' && isPage(key) });
    const other = await openDatabase(gated, { ...OPTIONS, maintenance: 'manual' });
    const stop = new AbortController();
    for (let i = 0; i < 200; i++) {
      await other.set(['k', i], i);
      const flushing = other.flush();
      const gone = other.set('a', i, { signal: stop.signal }).catch((error: unknown) => error);
      const stays = other.set('b', i);
      const uploading = gated.waitForPending(1).then(() => 'uploading' as const);
      if ((await Promise.race([uploading, Promise.all([flushing, gone, stays])])) !== 'uploading') continue;
      stop.abort(reason);
      const left = await gone;
      await gated.open();
      await Promise.all([flushing, stays]);
      // Either it was in the record that waited for its page, and has left it, or in the next one.
      expect(left).toBe(reason);
      expect(await other.get('b')).toBe(i);
      expect(await other.get('a')).toBe(i - 1);
      return;
    }
    throw new Error('expected a page to be put out');
  });
});

describe('a deadline', () => {
  test('leaves no timer behind', async () => {
    const deadline = new Deadline(clock, 1_000);
    await settled();
    expect(clock.sleepers).toBe(1);
    deadline.dispose();
    await settled();
    expect(clock.sleepers).toBe(0);
    expect(deadline.isOver).toBe(false);
  });

  test('is put off by the next attempt, on the same timer', async () => {
    const deadline = new Deadline(clock, 1_000);
    const { signal } = deadline.trying;
    await clock.advance(600);
    expect(deadline.again()).toBe(deadline);
    expect(deadline.trying.timeoutMs).toBe(1_000);
    await clock.advance(999);
    expect([clock.sleepers, signal!.aborted, deadline.isOver]).toEqual([1, false, false]);
    await clock.advance(1);
    expect([signal!.aborted, deadline.isOver]).toEqual([true, true]);
    expect(deadline.settling.signal!.aborted).toBe(false);
    await clock.advance(250);
    expect(deadline.settling.signal!.aborted).toBe(true);
    expect(clock.sleepers).toBe(0);
  });

  test('that is over is another one for the next attempt', async () => {
    const deadline = new Deadline(clock, 1_000);
    await clock.advance(1_000);
    const next = deadline.again();
    expect([clock.sleepers, next.isOver, next.trying.signal!.aborted]).toEqual([1, false, false]);
    next.dispose();
  });

  test('of 0 is over at once, and ends nothing', async () => {
    const deadline = new Deadline(clock, 0);
    expect(deadline.isOver).toBe(true);
    await clock.advance(1e9);
    expect(deadline.next.signal?.aborted).toBe(false);
    expect(deadline.next.timeoutMs).toBeUndefined();
  });

  test('that is cut ends at once, with the reason', () => {
    const cutting = new AbortController();
    const deadline = new Deadline(clock, 1_000, cutting.signal);
    cutting.abort('cut');
    expect([deadline.isOver, deadline.isReason('cut'), deadline.settling.signal?.reason]).toEqual([
      true,
      true,
      'cut',
    ]);
  });
});

test('a back-off grows to a bound, and waits for what the store asks for up to another', () => {
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(255);
  expect([0, 1, 2, 20].map((attempt) => backoffMs(random, attempt))).toEqual([20, 40, 80, 2_000]);
  const asks = (retryAfterMs: number): number =>
    backoffMs(random, 0, new StoreError('UNAVAILABLE', '503', { retryAfterMs }));
  expect([asks(500), asks(3_600_000)]).toEqual([500, 30_000]);
});
