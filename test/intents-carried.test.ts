/**
 * Whatever a transaction does comes to the same where another database carries it: its writes, its reads, its time, its
 * segments, its request; and whoever reads the log finds nothing unusual in it.
 */
import type { Change, Database, RequestId, Transaction } from '@holdfast/mvcc';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect } from './support/database.js';
import { isIntent, type Rival, Rivals, ROUND_TRIP_MS } from './support/rivals.js';

let rivals: Rivals;
let leader: Rival;
let other: Rival;
beforeEach(async () => {
  rivals = new Rivals();
  [leader, other] = await rivals.contended();
});

/** What `other` begins is carried by `leader`. */
async function carried<T>(begin: (db: Database) => Promise<T>): Promise<T> {
  await rivals.lead(leader, other);
  const before = leader.db.stats().carried;
  const result = await rivals.busyUntil(leader, begin(other.db));
  expect(leader.db.stats().carried).toBeGreaterThan(before);
  return result;
}
/** As somebody new reads it. */
async function read<T>(key: Parameters<Database['get']>[0]): Promise<T | undefined> {
  const { db } = await rivals.open({ readOnly: true });
  return rivals.run(db.get<T>(key));
}
async function isSound(): Promise<void> {
  const { db } = await rivals.open({ readOnly: true });
  expect((await rivals.run(db.verify())).ok).toBe(true);
}

describe('is carried:', () => {
  test('a large transaction, with its segments', async () => {
    await carried((db) =>
      db.transact((tx) => {
        for (let n = 0; n < 20; n++) tx.set(['large', n], 'x'.repeat(60_000));
        tx.add('n', 1);
        tx.deleteRange({ prefix: 'busy' });
      }),
    );
    expect(await rivals.run(leader.db.count({ prefix: 'large' }))).toBe(20);
    expect(await read('n')).toBe(1);
    const records = await rivals.run(collect(leader.db.log()));
    expect(records.some(({ bulkTransactions }) => bulkTransactions > 0)).toBe(true);
    await isSound();
  });

  test('one large one after the other, of several at once', async () => {
    const third = await rivals.open();
    await rivals.lead(leader, third);
    await rivals.run(other.db.get('n'));
    const large = (db: Database, name: string): Promise<void> =>
      db.transact((tx) => {
        for (let n = 0; n < 12; n++) tx.set([name, n], 'x'.repeat(60_000));
      });
    const all = Promise.all([
      large(other.db, 'one'),
      large(third.db, 'two'),
      other.db.add('n', 1),
      third.db.add('n', 1),
    ]);
    await rivals.busyUntil(leader, all);
    expect(await read('n')).toBe(2);
    for (const name of ['one', 'two']) expect(await rivals.run(leader.db.count({ prefix: name }))).toBe(12);
    await isSound();
  });

  test('a stream', async () => {
    const bytes = new Uint8Array(300_000).map((_, i) => i % 251);
    await carried((db) => db.setStream('stream', [bytes.subarray(0, 100_000), bytes.subarray(100_000)]));
    const stream = await rivals.run(leader.db.getStream('stream'));
    const parts = await rivals.run(collect(stream as unknown as AsyncIterable<Uint8Array>));
    expect(Buffer.concat(parts).equals(Buffer.from(bytes))).toBe(true);
    await isSound();
  });

  test('a deleted range, before what is written in it', async () => {
    for (let n = 0; n < 5; n++) await rivals.run(leader.db.set(['r', n], n));
    await carried((db) =>
      db.transact((tx) => {
        tx.deleteRange({ prefix: 'r' });
        tx.set(['r', 3], 'kept');
      }),
    );
    expect(await rivals.run(collect(leader.db.list({ prefix: 'r' })))).toMatchObject([
      { key: ['r', 3], value: 'kept' },
    ]);
  });

  test('add, max and min, of whatever is there by then', async () => {
    await rivals.run(leader.db.set('add', 10));
    await carried((db) =>
      db.transact((tx) => {
        tx.add('add', 5);
        tx.max('max', 7);
        tx.min('min', 2n);
      }),
    );
    await carried((db) => db.add('add', 100));
    expect([await read('add'), await read('max'), await read('min')]).toEqual([115, 7, 2n]);
  });

  test('an expiry: what has expired at its own time is not there for it', async () => {
    await rivals.run(leader.db.set('soon', 40, { expireInMs: 3_600_000 }));
    await carried((db) => db.add('soon', 2));
    const entry = await rivals.run(leader.db.getEntry('soon'));
    expect(entry).toMatchObject({ value: 42 });
    expect(entry!.expiresAt).toBeDefined();
    await rivals.clock.advance(3_700_000);
    await rivals.lead(leader, other);
    await carried((db) => db.add('soon', 2));
    expect(await read('soon')).toBe(2);
    await carried((db) => db.set('short', 1, { expireInMs: 60_000 }));
    expect(await read('short')).toBe(1);
    await rivals.clock.advance(61_000);
    expect(await read('short')).toBeUndefined();
  });

  test('a mutation of a wrong type: to its caller a TypeError, and nothing is written', async () => {
    await rivals.run(leader.db.set('text', 'a text'));
    const told = other.db.transact((tx) => {
      tx.add('text', 1);
      tx.set('with it', 1);
    });
    const failed = told.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(await rivals.busyUntil(leader, failed)).toBeInstanceOf(TypeError);
    expect(await read('with it')).toBeUndefined();
  });

  test('under snapshot isolation, what was only read is no conflict', async () => {
    await rivals.run(leader.db.set('seen', 1));
    let runs = 0;
    await carried((db) =>
      db.transact(
        async (tx) => {
          runs++;
          await tx.get('seen');
          await tx.get('busy');
          tx.set('written', runs);
        },
        { isolation: 'snapshot' },
      ),
    );
    expect([runs, await read('written')]).toEqual([1, 1]);
  });

  test('under the default, what was read and written since is one, whoever carries it', async () => {
    let runs = 0;
    await rivals.busyUntil(
      leader,
      other.db.transact(async (tx) => {
        runs++;
        tx.set('copy', await tx.get('busy'));
      }),
      4 * ROUND_TRIP_MS,
    );
    const entry = (await rivals.run(leader.db.getEntry<number>('copy')))!;
    const before = await rivals.run(leader.db.snapshot({ at: entry.version - 1 }));
    expect(entry.value).toBe(await rivals.run(before.get('busy')));
    expect(runs).toBeGreaterThanOrEqual(1);
  });

  test('a flush', async () => {
    await carried((db) => db.set('n', 1));
    const flushed = await rivals.busyUntil(leader, other.db.flush());
    expect(flushed).toBe(true);
    expect(await read('n')).toBe(1);
    await isSound();
  });

  test('a flush along with transactions', async () => {
    const all = Promise.all([other.db.add('n', 1), other.db.flush(), other.db.add('n', 1)]);
    const [, flushed] = await rivals.busyUntil(leader, all);
    expect(flushed).toBe(true);
    expect(await read('n')).toBe(2);
    await isSound();
  });

  test('a checkpoint', async () => {
    await carried((db) => db.checkpoint('named'));
    expect(await rivals.run(leader.db.checkpoints())).toMatchObject([{ name: 'named' }]);
  });

  test('an atomic operation, whose check is judged where it is carried', async () => {
    const { versionstamp } = (await rivals.run(leader.db.getEntry('busy')))!;
    const stale = other.db.atomic().check({ key: 'busy', versionstamp }).set('checked', 1).commit();
    expect((await rivals.busyUntil(leader, stale)).ok).toBe(false);
    await rivals.lead(leader, other);
    const fresh = await carried((db) =>
      db.atomic().check({ key: 'absent', versionstamp: null }).set('absent', 1).commit(),
    );
    expect(fresh.ok).toBe(true);
    expect([await read('checked'), await read('absent')]).toEqual([undefined, 1]);
  });
});

describe.each<[string, (number: number) => RequestId]>([
  ['a text', (number) => `request ${number}`],
  ['a number in a session', (number) => ({ session: 's', number, settled: 0 })],
])('a request that is named by %s', (_, id) => {
  const send = (db: Database, number: number): Promise<string> =>
    db.transact(
      (tx: Transaction) => {
        tx.add('n', 1);
        return `result ${number}`;
      },
      { requestId: id(number) },
    );

  test('and carried acts once, and has its result and its stamp', async () => {
    expect(await carried((db) => send(db, 1))).toBe('result 1');
    expect(await rivals.run(send(leader.db, 1))).toBe('result 1');
    expect(await rivals.busyUntil(leader, send(other.db, 1))).toBe('result 1');
    expect(await read('n')).toBe(1);
    const { version, versionstamp } = (await rivals.run(leader.db.getEntry('n')))!;
    expect(await rivals.run(other.db.outcome(id(1)))).toEqual({
      status: 'committed',
      version,
      versionstamp,
      result: 'result 1',
    });
  });

  test('and sent by two at once acts once', async () => {
    const all = Promise.all([send(leader.db, 1), send(other.db, 1)]);
    expect(await rivals.busyUntil(leader, all)).toEqual(['result 1', 'result 1']);
    expect(await read('n')).toBe(1);
  });

  test('and closed by another before it was carried does not act', async () => {
    leader.faults.hide(isIntent);
    const { told } = await rivals.announced(other, () => send(other.db, 1));
    expect(await rivals.run(leader.db.outcome(id(1), { close: true }))).toEqual({ status: 'closed' });
    leader.faults.clear();
    const opened = other.gate.open();
    const failed = told.then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    expect(await rivals.busyUntil(leader, failed)).toBe('REQUEST_CLOSED');
    await rivals.run(opened);
    expect(await read('n')).toBeUndefined();
  });
});

describe('in a log where some were carried', () => {
  /** Adds, from both, so that many records have several transactions. */
  async function contend(rounds: number): Promise<{ version: number; versionstamp: string }[]> {
    const stamps: { version: number; versionstamp: string }[] = [];
    for (let n = 0; n < rounds; n++) {
      const all = Promise.all([0, 1, 2].map((i) => other.db.set(['by', i], n)));
      stamps.push(...(await rivals.busyUntil(leader, all)));
    }
    return stamps;
  }

  test('versionstamps are in the order of the records, and each its own', async () => {
    const stamps = await contend(8);
    expect(new Set(stamps.map(({ versionstamp }) => versionstamp)).size).toBe(stamps.length);
    const sorted = [...stamps].sort((a, b) => (a.versionstamp < b.versionstamp ? -1 : 1));
    expect(sorted.map(({ version }) => version)).toEqual(
      stamps.map(({ version }) => version).sort((a, b) => a - b),
    );
    for (const i of [0, 1, 2]) {
      const { versionstamp } = (await rivals.run(leader.db.getEntry(['by', i])))!;
      expect(stamps.some((stamp) => stamp.versionstamp === versionstamp)).toBe(true);
    }
  });

  test('who jumps over a stretch of it has the state that step by step makes', async () => {
    const jumper = await rivals.open();
    await contend(6);
    const late = await rivals.open({ readOnly: true });
    const [jumped, stepped, opened] = [jumper, leader, late].map(({ db }) =>
      rivals.run(collect(db.list({ prefix: 'by' }))),
    );
    expect(await jumped).toEqual(await stepped);
    expect(await opened).toEqual(await stepped);
    await rivals.run(jumper.db.set('goes on', 1));
    expect(await read('goes on')).toBe(1);
  });

  test('the past is what it was, version by version', async () => {
    const stamps = await contend(4);
    for (const { version } of stamps) {
      const snapshot = await rivals.run(leader.db.snapshot({ at: version }));
      const again = await rivals.run((await rivals.open({ readOnly: true, at: version })).db.get(['by', 0]));
      expect(await rivals.run(snapshot.get(['by', 0]))).toBe(again);
    }
  });

  test('a watch tells every change once, in order', async () => {
    const stop = new AbortController();
    const from = leader.db.version;
    const seen: Change[] = [];
    const watching = (async () => {
      for await (const change of other.db.watch({ prefix: 'by' }, { from, pollMs: 100, signal: stop.signal }))
        seen.push(change);
    })();
    const stamps = await contend(5);
    await rivals.clock.advance(2_000);
    stop.abort();
    await rivals.run(watching);
    expect(seen.map(({ versionstamp }) => versionstamp)).toEqual(
      stamps.map(({ versionstamp }) => versionstamp).sort(),
    );
  });

  test('who only reads asks for no intents, and announces none', async () => {
    await contend(3);
    const reader = await rivals.open({ readOnly: true });
    const past = await rivals.open({ readOnly: true, at: leader.db.version - 1 });
    const touched: string[] = [];
    for (const { faults } of [reader, past])
      for (const call of ['get', 'put'] as const) {
        const inner = faults[call].bind(faults) as (...all: unknown[]) => unknown;
        (faults as unknown as Record<string, unknown>)[call] = (key: string, ...rest: unknown[]) => {
          if (isIntent(key)) touched.push(key);
          return inner(key, ...rest);
        };
      }
    await contend(2);
    for (const { db } of [reader, past]) {
      await rivals.run(collect(db.list()));
      await expect(rivals.run(db.set('n', 1))).rejects.toThrow();
      await rivals.run(db.close());
    }
    expect(touched).toEqual([]);
  });

  test('the same with a key: nothing of an intent lies in the clear', async () => {
    const sealed = new Rivals();
    const key = new Uint8Array(32).fill(7);
    const dbs = await Promise.all([sealed.open({ key }), sealed.open({ key }), sealed.open({ key })]);
    const all = dbs.map(async ({ db }, i) => {
      for (let n = 0; n < 6; n++)
        await db.transact(async (tx) => {
          const count = ((await tx.get<number>('n')) ?? 0) + 1;
          tx.set('n', count);
          tx.set(['secret', i, n], 'hidden text');
        });
    });
    await sealed.run(Promise.all(all));
    expect(await sealed.run(dbs[0]!.db.get('n'))).toBe(18);
    expect(sealed.server.intents.size).toBeGreaterThan(0);
    for (const bytes of sealed.server.intents.values()) {
      const text = Buffer.from(bytes).toString('latin1');
      expect(text).not.toContain('hidden text');
      expect(text).not.toContain('secret');
    }
  });
});
