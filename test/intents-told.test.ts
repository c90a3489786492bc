/**
 * What the caller of an announced transaction is told, where that can't go its usual way: who gives up, who leaves, who
 * was dropped. The truth, and after it nothing else happens.
 */
import { HoldfastError, intentName, parseRecordName, toHex } from '@holdfast/core';
import { StoreError } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { increment, isIntent, isLog, type Rival, Rivals } from './support/rivals.js';

let rivals: Rivals;
let leader: Rival;
let other: Rival;
beforeEach(async () => {
  rivals = new Rivals();
  [leader, other] = await rivals.contended();
});

async function failure(work: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await work.then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}
const hide = (rival: Rival): void => {
  rival.faults.hide(isIntent);
};

describe('who gives up', () => {
  test('on a record that carries its intent voids both with the fence: it never happens', async () => {
    await late(await stuck());
    expect(await rivals.count()).toBe(0);
  });

  const lost: (() => Promise<unknown>)[] = [];
  /** Announces, and loses every copy of its record; the fence gets through. @returns the intent's name. */
  async function stuck(): Promise<string> {
    const rival = await rivals.open({ commitTimeoutMs: 2_000 });
    await rivals.run(rival.db.get('n'));
    lost.length = 0;
    hide(leader);
    let first: string | undefined;
    let slot: string | undefined;
    const put = rival.faults.put.bind(rival.faults);
    rival.faults.put = async (key, bytes, options) => {
      if (!isLog(key)) return put(key, bytes, options);
      first ??= Buffer.from(bytes).toString('hex');
      slot ??= key;
      if (Buffer.from(bytes).toString('hex') !== first) return put(key, bytes, options);
      lost.push(() => rivals.server.put(key, bytes, { ifAbsent: true }));
      throw new StoreError('UNKNOWN_OUTCOME', 'Scripted: lost.');
    };
    const error = await failure(rivals.run(rival.db.transact(increment)));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    rival.faults.put = put;
    const { body, version } = await rivals.record(parseRecordName(slot!)!);
    expect(body.transactions).toEqual([]);
    const taken = body.intents.decided.find((one) => intentName(one.writerId, one.k) === rivals.lastName);
    expect(taken).toMatchObject({ version, verdicts: [{ kind: 'void' }] });
    return rivals.lastName;
  }
  /** What was lost arrives, and everybody sees the intent. */
  async function late(name: string): Promise<void> {
    for (const arrive of lost) await arrive();
    leader.faults.clear();
    await rivals.server.put(name, rivals.server.intents.get(name)!);
    await rivals.run(leader.db.get('n'));
    await rivals.lead(leader, other);
    await rivals.busy(leader, 12);
  }

  /** Announces what nobody finds, while `leader` leaves nobody a slot, for so many records. */
  async function behind(
    records: number,
  ): Promise<{ readonly name: string; readonly told: Promise<unknown> }> {
    const rival = await rivals.open({ commitTimeoutMs: 1_000 });
    await rivals.run(rival.db.get('n'));
    await rivals.lead(leader, rival);
    hide(leader);
    const { told } = await rivals.announced(rival, () => rival.db.transact(increment));
    const name = rivals.lastName;
    const opened = rival.gate.open();
    await rivals.busy(leader, records);
    await rivals.run(opened);
    return { name, told };
  }

  test('in time to take its intent back: it never happens', async () => {
    const { told, name } = await behind(19);
    expect(await failure(rivals.run(told))).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    await rivals.run(leader.db.get('n'));
    const taken = (await rivals.decided(leader.db.version)).at(-1)!;
    expect(intentName(taken.writerId, taken.k)).toBe(name);
    expect(taken.verdicts).toEqual([{ kind: 'void' }]);
    await late(name);
    expect(await rivals.count()).toBe(0);
  });

  test('without a slot in all that time says that it may happen', async () => {
    const { told, name } = await behind(40);
    expect(await failure(rivals.run(told))).toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    await late(name);
    expect(await rivals.count()).toBeLessThanOrEqual(1);
  });

  test('cut off from the store says that it may have happened, and it may', async () => {
    for (const carries of [true, false]) {
      const rival = await rivals.open({ commitTimeoutMs: 1_000 });
      await rivals.run(rival.db.get('n'));
      await rivals.lead(leader, rival);
      rival.gate.open();
      const { told } = await rivals.announced(rival, () => rival.db.add('n', 1));
      for (const kind of ['get', 'put', 'list'] as const)
        rival.faults.failBefore(kind, { times: Number.POSITIVE_INFINITY });
      const before = await rivals.count();
      if (carries) await rivals.busy(leader, 8);
      expect(await failure(rivals.run(told))).toMatchObject({
        code: 'OUTCOME_UNKNOWN',
        maybeCommitted: true,
      });
      expect((await rivals.count()) - before).toBe(carries ? 1 : 0);
    }
  });
});

describe('who leaves', () => {
  test('while its intent is out is told what became of it', async () => {
    const stop = new AbortController();
    const { told } = await rivals.announced(other, () =>
      other.db.transact((tx) => tx.add('n', 1), { signal: stop.signal }),
    );
    stop.abort(new Error('enough'));
    const opened = other.gate.open();
    const outcome = await rivals.busyUntil(
      leader,
      told.then(
        () => 1,
        () => 0,
      ),
    );
    await rivals.run(opened);
    expect(await rivals.count()).toBe(outcome);
  });

  test('before it was announced leaves nothing behind', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const told = other.db.transact((tx) => tx.add('n', 1), { signal: stop.signal });
    stop.abort(reason);
    await expect(rivals.run(told)).rejects.toBe(reason);
    await rivals.busy(leader, 8);
    expect(await rivals.count()).toBe(0);
  });

  test('by close() waits until what is out was decided', async () => {
    const { told } = await rivals.announced(other, () => other.db.transact(increment));
    const closed = other.db.close();
    const opened = other.gate.open();
    await rivals.run(told);
    await rivals.run(Promise.all([closed, opened]));
    expect(await rivals.count()).toBe(1);
  });

  test('by close(), cut off, is told that it may have happened', async () => {
    const { told } = await rivals.announced(other, () => other.db.transact(increment));
    other.held = () => true;
    const failed = failure(told);
    const closed = other.db.close();
    await rivals.busy(leader, 8);
    await rivals.run(closed);
    expect(await failed).toMatchObject({ maybeCommitted: true });
    expect(await rivals.count()).toBe(1);
  });
});

describe('a writer that was dropped while its intent was out', () => {
  /** So many others that those who are quiet for 128 records are dropped. */
  async function crowd(): Promise<void> {
    await rivals.run(leader.db.get('n'));
    for (let n = 0; n < 130; n++)
      await rivals.announce({
        base: leader.db.version,
        processId: new Uint8Array(16).fill(n),
        transactions: [rivals.write(['crowd', n], n)],
      });
    await rivals.busy(leader, 140);
  }
  const sleep = (rival: Rival): void => {
    rival.held = () => true;
  };
  const isKnown = async (name: string): Promise<boolean> =>
    (await rivals.record(leader.db.version)).body.intents.decided.some(({ writerId }) =>
      name.includes(toHex(writerId)),
    );

  test('is told the truth when it comes back', async () => {
    const carried = await rivals.open();
    for (const rival of [other, carried]) {
      await rivals.lead(leader, rival);
      await rivals.busyUntil(leader, rival.db.add('n', 1));
    }
    await rivals.lead(leader, carried);
    sleep(carried);
    const second = await rivals.announced(carried, () => carried.db.add('n', 1));
    const names = [rivals.lastName];
    await rivals.busy(leader, 8);
    const decided = await rivals.decided(leader.db.version);
    const at = decided.find(({ writerId, k }) => names[0] === intentName(writerId, k))!.version;
    await rivals.lead(leader, other);
    sleep(other);
    const first = await rivals.announced(other, () => other.db.add('n', 1));
    names.push(rivals.lastName);
    leader.faults.hide((key) => key === names[1]);
    await crowd();
    for (const name of names) expect(await isKnown(name)).toBe(false);
    leader.faults.clear();

    // It was carried, in a record that lies far back.
    const opened = [carried.gate.open()];
    expect((await rivals.run(second.told)).version).toBe(at);
    // It never was: it runs again.
    opened.push(other.gate.open());
    expect((await rivals.run(first.told)).version).toBeGreaterThan(at + 128);
    await rivals.run(Promise.all(opened));
    expect(await rivals.count()).toBe(4);
  });
});
