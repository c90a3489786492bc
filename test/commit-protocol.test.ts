/**
 * The commit protocol under faults, one invariant after the other. Each test fails when the check it is about is
 * taken out of the engine.
 */
import { recordName } from '@holdfast/core';
import type { Database } from '@holdfast/mvcc';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore, ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase, seed } from './support/database.js';

let memory: MemoryStore;
let faulty: FaultyStore;
let db: Database;

const isLog = (name: string): boolean => name.startsWith('log/');
const isSegment = (name: string): boolean => name.startsWith('seg/');
const increment = (database: Database, key = 'n'): Promise<number> =>
  database.transact(async (tx) => {
    const n = ((await tx.get<number>(key)) ?? 0) + 1;
    tx.set(key, n);
    return n;
  });

/** A store on another store, with some of its calls replaced. */
function wrap(store: ObjectStore, calls: Partial<ObjectStore>): ObjectStore {
  return {
    capabilities: store.capabilities,
    identity: store.identity,
    get: (key, options) => store.get(key, options),
    put: (key, bytes, options) => store.put(key, bytes, options),
    delete: (keys, options) => store.delete(keys, options),
    list: (prefix, options) => store.list(prefix, options),
    ...calls,
  };
}

beforeEach(async () => {
  memory = new MemoryStore();
  faulty = new FaultyStore(memory);
  db = await openTestDatabase(faulty);
  await db.set('n', 0);
});

describe('I1: a record number has one author', () => {
  test('of many writers racing for one slot, all commit, each at its own version', async () => {
    const writers = await Promise.all(Array.from({ length: 6 }, () => openTestDatabase(memory)));
    const results = await Promise.all(writers.map((writer, i) => writer.set(['w', i], i)));
    expect(new Set(results.map(({ version }) => version)).size).toBe(6);
    expect(await db.count({ prefix: 'w' })).toBe(6);
  });

  test('a writer that lost its slot does not overwrite the winner', async () => {
    const rival = await openTestDatabase(memory);
    const { version } = await rival.set('rival', 1);
    const before = memory.objects().get(recordName(version));
    await db.set('mine', 1);
    expect(memory.objects().get(recordName(version))).toEqual(before);
  });
});

describe('I2: a record names its parent', () => {
  test('a record of another history is a fork, whatever its number', async () => {
    const other = new MemoryStore();
    for (const [key, bytes] of memory.objects()) await other.put(key, bytes);
    const branch = await openTestDatabase(other);
    await branch.set('branch', 'b');
    await db.set('branch', 'a');
    const { version } = await branch.set('branch', 'c');
    await memory.put(recordName(version), other.objects().get(recordName(version))!);
    await expectCode(db.get('branch'), 'FORK');
    await expectCode(db.set('x', 1), 'FORK');
  });

  test('a jump over many records notices another history too', async () => {
    const other = new MemoryStore();
    for (const [key, bytes] of memory.objects()) await other.put(key, bytes);
    const branch = await openTestDatabase(other);
    await seed(db, 20);
    await seed(branch, 90);
    await memory.delete([...memory.objects().keys()]);
    for (const [key, bytes] of other.objects()) await memory.put(key, bytes);
    await expectCode(db.get('n'), 'FORK');
  });
});

test('I2: a record that holds the tail is the one that the newest record names, not another one of its number', async () => {
  const other = new MemoryStore();
  for (const [key, bytes] of memory.objects()) await other.put(key, bytes);
  const branch = await openTestDatabase(other);
  const held = async (database: Database, value: string): Promise<number> => {
    const { version } = await database.set('held', value.repeat(40_000));
    await seed(database, 3);
    return version;
  };
  const version = await held(db, 'a');
  expect(await held(branch, 'b')).toBe(version);
  // The one after it carries all of it, and is named by those that follow.
  const name = recordName(version + 1);
  expect(db.stats().tailHolders).toBe(1);
  await memory.put(name, other.objects().get(name)!);
  await expectCode(openTestDatabase(memory), 'FORK');
});

test('I2: a jump after a long pause notices another history where the trees overlap', async () => {
  const clock = new ManualClock();
  const sleeper = await openTestDatabase(memory, { clock });
  const other = new MemoryStore();
  for (const [key, bytes] of memory.objects()) await other.put(key, bytes);
  const branch = await openTestDatabase(other);
  await seed(sleeper, 80 - sleeper.version);
  await seed(branch, 100 - branch.version);
  await clock.advance(13 * 3600 * 1000);
  await memory.delete([...memory.objects().keys()]);
  for (const [key, bytes] of other.objects()) await memory.put(key, bytes);
  await expectCode(sleeper.get('n'), 'FORK');
});

describe('a flush', () => {
  test('by two processes at once is published once', async () => {
    await seed(db, 10);
    const other = await openTestDatabase(memory);
    const published = await Promise.all([db.flush(), other.flush()]);
    expect(published.filter(Boolean)).toHaveLength(1);
    await db.get('n');
    expect(db.stats()).toMatchObject({ segments: 1, tailBytes: 0 });
    expect(await db.count({ prefix: 'seed' })).toBe(10);
    expect(await db.verify()).toMatchObject({ problems: [], unreferenced: 1 });
  });
});

describe('I3: all that a record names was durable before it was sent', () => {
  const large = (database: Database): Promise<void> =>
    database.transact((tx) => {
      for (let i = 0; i < 20; i++) tx.set(['large', i], 'x'.repeat(60_000));
    });

  test('a large transaction sends its segments first', async () => {
    const gated = new GatedStore(memory, { open: true });
    const writer = await openTestDatabase(gated);
    gated.shut();
    const done = large(writer);
    for (const prefix of ['seg/', 'log/']) {
      const [call, ...others] = await gated.waitForPending(1);
      expect([call!.kind, call!.key.slice(0, 4), others.length]).toEqual(['put', prefix, 0]);
      await call!.release();
    }
    await done;
  });

  test('a segment that can not be written leaves the state as it was', async () => {
    const { version } = db;
    faulty.failBefore('put', {
      when: isSegment,
      error: new StoreError('INVALID', 'disk full'),
      times: Infinity,
    });
    await expectCode(large(db), 'STORE_REFUSED');
    expect(await db.count({ prefix: 'large' })).toBe(0);
    expect(db.version).toBe(version);
  });
});

describe('I4: acknowledged only when known to be in the chain', () => {
  test('a commit is pending until the store has answered', async () => {
    const gated = new GatedStore(memory, { open: true });
    const writer = await openTestDatabase(gated);
    gated.shut();
    let acknowledged = false;
    const write = writer.set('a', 1).then(() => {
      acknowledged = true;
    });
    const [put] = await gated.waitForPending(1);
    for (let i = 0; i < 10; i++) await settled();
    expect(acknowledged).toBe(false);
    await put!.release();
    await write;
  });

  test('an answer that was lost after the effect: committed once', async () => {
    faulty.loseResponseAfter('put', { when: isLog });
    expect(await increment(db)).toBe(1);
    expect(await (await openTestDatabase(memory)).get('n')).toBe(1);
    expect(db.version).toBe(3);
  });

  test('an answer that was lost before the effect: sent again, committed once', async () => {
    faulty.failBefore('put', { when: isLog, error: new StoreError('UNKNOWN_OUTCOME', 'reset') });
    expect(await increment(db)).toBe(1);
    expect(db.version).toBe(3);
  });

  test('an answer lost before the effect while another takes the slot: rebased, committed once', async () => {
    const rival = await openTestDatabase(memory);
    const racing = wrap(faulty, {
      put: async (key, bytes, options) => {
        if (isLog(key) && rival.version === 2) {
          await rival.set('rival', 1);
          throw new StoreError('UNKNOWN_OUTCOME', 'reset');
        }
        return faulty.put(key, bytes, options);
      },
    });
    const writer = await openTestDatabase(racing);
    await writer.transact((tx) => tx.add('n', 1));
    expect(await rival.get('n')).toBe(1);
    expect(writer.version).toBe(4);
  });

  test('a PUT that the network doubled answers "occupied" to its own success: committed once', async () => {
    const doubling = wrap(memory, {
      put: async (key, bytes, options) => {
        await memory.put(key, bytes, options);
        return memory.put(key, bytes, options);
      },
    });
    const writer = await openTestDatabase(doubling, { probe: 'skip' });
    expect(await increment(writer)).toBe(1);
    expect(await increment(writer)).toBe(2);
    expect(await db.get('n')).toBe(2);
    expect(writer.version).toBe(4);
  });

  test('several lost answers in a row, reads too', async () => {
    faulty.loseResponseAfter('put', { when: isLog });
    faulty.failBefore('get', { when: isLog, times: 3 });
    expect(await increment(db)).toBe(1);
    expect(await (await openTestDatabase(memory)).get('n')).toBe(1);
  });
});

describe('giving up', () => {
  test('on a slot whose PUT is lost fences it, so that the PUT can only fail later', async () => {
    const clock = new ManualClock();
    let lost: Uint8Array | undefined;
    let zombie: (() => Promise<unknown>) | undefined;
    const losing = wrap(memory, {
      put: async (key, bytes, options) => {
        // However often these bytes are sent they are lost; the fence is others, and gets through.
        if (isLog(key)) lost ??= bytes;
        if (bytes !== lost) return memory.put(key, bytes, options);
        zombie = () => memory.put(key, bytes, options);
        throw new StoreError('UNKNOWN_OUTCOME', 'timeout');
      },
    });
    const writer = await openTestDatabase(losing, { clock, commitTimeoutMs: 800, probe: 'skip' });
    const failed = expectCode(increment(writer), 'UNAVAILABLE');
    expect(await clock.runUntil(failed)).toMatchObject({ maybeCommitted: false });
    expect(await zombie!()).toEqual({ occupied: true });
    expect(await db.get('n')).toBe(0);
    expect(await clock.runUntil(increment(writer))).toBe(1);
  });

  test('with the store out of reach says that the outcome is not known, and outcome() tells later', async () => {
    const clock = new ManualClock();
    const cut = new FaultyStore(memory);
    const writer = await openTestDatabase(cut, { clock, commitTimeoutMs: 500 });
    cut.loseResponseAfter('put', { when: isLog });
    cut.failBefore('get', { times: Number.POSITIVE_INFINITY });
    cut.failBefore('put', { times: Number.POSITIVE_INFINITY });
    const write = writer.transact((tx) => tx.add('n', 1), { requestId: 'r' });
    const failed = await clock.runUntil(expectCode(write, 'OUTCOME_UNKNOWN'));
    expect(failed).toMatchObject({ maybeCommitted: true });
    await clock.runUntil(expectCode(writer.outcome('r'), 'UNAVAILABLE'));
    cut.clear();
    expect(await clock.runUntil(writer.outcome('r'))).toMatchObject({ status: 'committed' });
    await clock.runUntil(writer.transact((tx) => tx.add('n', 1), { requestId: 'r' }));
    expect(await db.get('n')).toBe(1);
  });
});

describe('I5: the history of acknowledged transactions equals their version order', () => {
  /** Runs `first` up to its last read, then all of `second`, then the rest of `first`. */
  async function interleave(
    isolation: 'serializable' | 'snapshot',
    reads: (tx: Parameters<Parameters<Database['transact']>[0]>[0]) => Promise<unknown>,
    second: (other: Database) => Promise<unknown>,
  ): Promise<number> {
    const other = await openTestDatabase(memory);
    let runs = 0;
    await db.transact(
      async (tx) => {
        runs++;
        await reads(tx);
        if (runs === 1) await second(other);
        tx.set('written', runs);
      },
      { isolation },
    );
    return runs;
  }

  test('a value read and then changed by another: run again', async () => {
    expect(
      await interleave(
        'serializable',
        (tx) => tx.get('n'),
        (other) => other.set('n', 9),
      ),
    ).toBe(2);
  });
  test('an absence read and then filled', async () => {
    expect(
      await interleave(
        'serializable',
        (tx) => tx.get('new'),
        (other) => other.set('new', 1),
      ),
    ).toBe(2);
  });
  test('a value read and then deleted', async () => {
    expect(
      await interleave(
        'serializable',
        (tx) => tx.has('n'),
        (other) => other.delete('n'),
      ),
    ).toBe(2);
  });
  test('a range read and then inserted into (a phantom)', async () => {
    const read = async (tx: { list(range: object): AsyncIterable<unknown> }) =>
      collect(tx.list({ prefix: 'room' }));
    expect(await interleave('serializable', read, (other) => other.set(['room', 7], 1))).toBe(2);
  });
  test('a range counted and then deleted from', async () => {
    await db.set(['room', 7], 1);
    expect(
      await interleave(
        'serializable',
        (tx) => tx.count({ prefix: 'room' }),
        (other) => other.delete(['room', 7]),
      ),
    ).toBe(2);
  });
  test('a change by a large transaction, which lies in a segment', async () => {
    const large = (other: Database) =>
      other.transact((tx) => {
        for (let i = 0; i < 20; i++) tx.set(['room', i], 'x'.repeat(60_000));
      });
    expect(await interleave('serializable', (tx) => tx.get(['room', 7]), large)).toBe(2);
    expect(
      await interleave(
        'serializable',
        (tx) => tx.count({ prefix: 'room' }),
        (other) => other.set('x', 1),
      ),
    ).toBe(1);
    expect(await interleave('serializable', (tx) => tx.count({ prefix: 'room' }), large)).toBe(2);
  });
  test('a change that was flushed into a segment meanwhile', async () => {
    const flushed = async (other: Database) => {
      await other.set('n', 9);
      await other.flush();
    };
    expect(await interleave('serializable', (tx) => tx.get('n'), flushed)).toBe(2);
    const deleted = async (other: Database) => {
      await other.delete('n');
      await other.flush();
    };
    expect(await interleave('serializable', (tx) => tx.get('n'), deleted)).toBe(2);
  });
  test('nothing that was read has changed: not run again', async () => {
    const elsewhere = async (other: Database) => {
      await other.set('other', 1);
      await other.set(['room', 99], 1);
    };
    expect(await interleave('serializable', (tx) => tx.get('n'), elsewhere)).toBe(1);
    const early = async (tx: { list(range: object, o: object): AsyncIterable<unknown> }) =>
      collect(tx.list({ prefix: 'seed' }, { limit: 2 }));
    await seed(db, 5);
    expect(
      await interleave('serializable', early, (other) => other.set(['seed', 4], 'past what was read')),
    ).toBe(1);
    expect(await interleave('serializable', early, (other) => other.set(['seed', 1], 'within'))).toBe(2);
  });
  test('snapshotGet does not conflict', async () => {
    expect(
      await interleave(
        'serializable',
        (tx) => tx.snapshotGet('n'),
        (other) => other.set('n', 9),
      ),
    ).toBe(1);
  });
  test('adds, max and min do not conflict, in one process or several', async () => {
    const other = await openTestDatabase(memory);
    const before = db.stats().conflicts + other.stats().conflicts;
    await Promise.all(
      [db, other].flatMap((handle) =>
        Array.from({ length: 50 }, (_, i) =>
          handle.transact((tx) => {
            tx.add('n', 1);
            tx.max('max', i);
            tx.min('min', -i);
          }),
        ),
      ),
    );
    expect(await db.getMany(['n', 'max', 'min'])).toEqual([100, 49, -49]);
    expect(db.stats().conflicts + other.stats().conflicts).toBe(before);
  });
  test('write skew happens under snapshot isolation and not under serializable', async () => {
    await db.set('a', 1);
    await db.set('b', 1);
    const other = await openTestDatabase(memory);
    const off = (handle: Database, mine: string, theirs: string, isolation: 'serializable' | 'snapshot') =>
      handle.transact(
        async (tx) => {
          if ((await tx.get(theirs)) === 1) tx.set(mine, 0);
        },
        { isolation },
      );
    await Promise.all([off(db, 'a', 'b', 'serializable'), off(other, 'b', 'a', 'serializable')]);
    expect((await db.getMany<number>(['a', 'b'])).sort()).toEqual([0, 1]);
    await db.set('a', 1);
    await db.set('b', 1);
    await other.get('a');
    await Promise.all([off(db, 'a', 'b', 'snapshot'), off(other, 'b', 'a', 'snapshot')]);
    expect(await db.getMany(['a', 'b'])).toEqual([0, 0]);
  });
  test('snapshot isolation does not lose updates', async () => {
    const other = await openTestDatabase(memory);
    const inc = (handle: Database) =>
      handle.transact(async (tx) => tx.set('n', (await tx.get<number>('n'))! + 1), { isolation: 'snapshot' });
    await Promise.all([db, other].flatMap((handle) => Array.from({ length: 20 }, () => inc(handle))));
    expect(await db.get('n')).toBe(40);
  });
  test('a body that only reads, or throws, is as good as the tip at its end', async () => {
    const other = await openTestDatabase(memory);
    await other.set('n', 5);
    expect(await db.transact((tx) => tx.get('n'))).toBe(5);
    await other.set('n', 6);
    const seen: unknown[] = [];
    const refused = db.transact(async (tx) => {
      seen.push(await tx.get('n'));
      throw new Error(`n is ${seen.at(-1)}`);
    });
    await expect(refused).rejects.toThrow('n is 6');
    expect(seen).toEqual([5, 6]);
  });
  test('a hot counter from several processes and many clients counts right', async () => {
    const handles = [db, await openTestDatabase(memory), await openTestDatabase(memory)];
    await Promise.all(handles.flatMap((handle) => Array.from({ length: 25 }, () => increment(handle))));
    expect(await db.get('n')).toBe(75);
  });
});

describe('transactions that lose to their own group', () => {
  test('what one of them returns is what it wrote, also when the group lost its slot and the winner of the two is run again', async () => {
    const rival = await openTestDatabase(memory);
    await rival.set('z', 0);
    let rivals = 0;
    const contested = await openTestDatabase(
      wrap(memory, {
        put: async (key, bytes, options) => {
          // Just before the group's record arrives, another one takes its slot.
          if (isLog(key) && rivals++ === 0) await rival.set('z', 1);
          return memory.put(key, bytes, options);
        },
      }),
    );
    const [, second] = await Promise.all([
      contested.transact(async (tx) => {
        // What the rival changes: this one can't be laid on the new state as it is.
        await tx.get('z');
        tx.set('x', 'first');
      }),
      contested.transact(async (tx) => {
        const seen = (await tx.get<string>('x')) ?? 'nothing';
        tx.set('y', seen);
        return seen;
      }),
    ]);
    expect(rivals).toBeGreaterThan(1);
    expect(await db.get('y')).toBe(second);
  });

  test('run again on its writes: a hot counter costs a few records, and every caller gets its own count', async () => {
    const before = db.version;
    const counts = await Promise.all(Array.from({ length: 50 }, () => increment(db)));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(await db.get('n')).toBe(50);
    expect(db.version - before).toBeLessThanOrEqual(3);
    expect(db.stats().reruns).toBeGreaterThan(40);
  });

  test('see ranges, deletions and stamps of those before them, as they will be', async () => {
    const append = (name: string) =>
      db.transact(async (tx) => {
        const last = (await collect(tx.list({ prefix: 'line', reverse: true, limit: 1 })))[0];
        tx.set(['line', ((last?.key[1] as number) ?? 0) + 1], name);
        if (last) tx.set(['seen', name], last.versionstamp);
      });
    await Promise.all(['a', 'b', 'c', 'd'].map(append));
    const lines = await collect(db.list({ prefix: 'line' }));
    expect(lines.map((line) => line.key[1])).toEqual([1, 2, 3, 4]);
    for (const [i, line] of lines.slice(1).entries())
      expect(await db.get(['seen', line.value as string])).toBe(lines[i]!.versionstamp);
  });

  test('find nothing of one that was refused, whatever it had written before it failed', async () => {
    await db.set('text', 'abc');
    const gated = new GatedStore(memory, { open: true });
    const writer = await openTestDatabase(gated);
    gated.shut();
    const first = writer.set('first', 1);
    await gated.waitForPending(1);
    const refused = expect(
      writer.transact((tx) => {
        tx.set('n', 100);
        tx.add('text', 1);
      }),
    ).rejects.toThrow(TypeError);
    const added = writer.transact((tx) => tx.add('n', 1));
    const read = writer.transact(async (tx) => tx.set('seen', (await tx.get('n')) ?? 'nothing'));
    await gated.open();
    await Promise.all([first, refused, added, read]);
    expect(await writer.get('n')).toBe(1);
  });

  test('and wait for something are not waited for, nor run twice at once', async () => {
    let running = 0;
    let most = 0;
    const slow = wrap(memory, {
      put: async (key, bytes, options) => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        return memory.put(key, bytes, options);
      },
    });
    const writer = await openTestDatabase(slow);
    const patient = async () => {
      let mine = 0;
      let runs = 0;
      await writer.transact(async (tx) => {
        most = Math.max(most, ++mine);
        running++;
        const n = (await tx.get<number>('n')) ?? 0;
        await new Promise((resolve) => setTimeout(resolve, runs++ === 0 ? 20 : 150));
        tx.set('n', n + 1);
        running--;
        mine--;
      });
    };
    // While this one is under way the others gather, and lose to one another.
    const busy = writer.set('x', 1);
    await Promise.all([busy, ...Array.from({ length: 6 }, patient)]);
    expect(await db.get('n')).toBe(6);
    expect([running, most]).toEqual([0, 1]);
  });

  test('on a record that then lost its slot hear of a conflict, and count right in the end', async () => {
    const rival = await openTestDatabase(memory);
    await Promise.all([
      ...Array.from({ length: 40 }, () => increment(db)),
      ...Array.from({ length: 40 }, () => increment(rival)),
    ]);
    expect(await db.get('n')).toBe(80);
  });
});

describe('I6: a request takes effect at most once', () => {
  const add = (handle: Database, input: unknown = 1): Promise<string> =>
    handle.transact(
      (tx) => {
        tx.add('n', 1);
        return 'done';
      },
      { requestId: 'r', input },
    );

  test('repeated five times, at once and one after the other, by several processes', async () => {
    const other = await openTestDatabase(memory);
    expect(await Promise.all([add(db), add(db), add(other), add(other)])).toEqual(Array(4).fill('done'));
    expect(await add(await openTestDatabase(memory))).toBe('done');
    expect(await db.get('n')).toBe(1);
  });
  test('also after flushes, when its entry lies in a segment', async () => {
    await add(db);
    await db.flush();
    await seed(db, 3);
    await db.flush();
    expect(await add(await openTestDatabase(memory))).toBe('done');
    expect(await db.get('n')).toBe(1);
  });
  test('with another input is refused', async () => {
    await add(db, { amount: 1 });
    await expectCode(add(db, { amount: 2 }), 'REQUEST_MISMATCH');
    await expectCode(add(db), 'REQUEST_MISMATCH');
    expect(await db.get('n')).toBe(1);
  });
  test('a closed one never commits; a committed one can not be closed', async () => {
    expect(await db.outcome('r')).toEqual({ status: 'open' });
    expect(await db.outcome('r', { close: true })).toEqual({ status: 'closed' });
    await expectCode(add(await openTestDatabase(memory)), 'REQUEST_CLOSED');
    expect(await db.get('n')).toBe(0);
    await db.transact((tx) => tx.set('m', 1), { requestId: 's' });
    expect(await db.outcome('s', { close: true })).toMatchObject({
      status: 'committed',
      version: db.version,
    });
  });
  test('closing races with committing: one of them wins, and both know which', async () => {
    for (let i = 0; i < 20; i++) {
      const other = await openTestDatabase(memory);
      const requestId = `race ${i}`;
      const [sent, closed] = await Promise.all([
        db
          .transact((tx) => tx.set(['race', i], 1), { requestId })
          .then(
            () => 'committed',
            (error: { code: string }) => error.code,
          ),
        other.outcome(requestId, { close: true }),
      ]);
      expect([sent, closed.status]).toEqual(
        closed.status === 'closed' ? ['REQUEST_CLOSED', 'closed'] : ['committed', 'committed'],
      );
      expect(await db.has(['race', i])).toBe(closed.status === 'committed');
    }
  });
});

describe('I7: missing is never "absent"', () => {
  test('a segment, a manifest page or a holder that is gone is CORRUPT', async () => {
    for (let i = 0; i < 100; i++) {
      await db.set(['run', i], i);
      await db.flush();
    }
    await seed(db, 100, 500);
    for (const prefix of ['seg/', 'man/']) {
      const hidden = new FaultyStore(memory).hide((name) => name.startsWith(prefix));
      const read = async () => collect((await openTestDatabase(hidden)).list());
      await expectCode(read, 'CORRUPT');
    }
    const holder = recordName(
      Number([...Array(db.version).keys()].filter((v) => v > db.stats().flushedThrough)[60]),
    );
    const opened = await openTestDatabase(memory);
    expect(opened.stats().tailHolders).toBeGreaterThan(0);
    const report = await (await openTestDatabase(new FaultyStore(memory).hide((name) => name === holder)))
      .verify()
      .catch((error: unknown) => error);
    expect(report instanceof Error ? report : (report as { ok: boolean }).ok).not.toBe(true);
  });
});

describe('I8: a snapshot stays what it is', () => {
  test('over commits, flushes and large transactions', async () => {
    await seed(db, 5);
    const snapshot = await db.snapshot();
    const before = await collect(snapshot.list());
    await db.deleteRange({ prefix: 'seed' });
    await db.flush();
    await db.transact((tx) => {
      for (let i = 0; i < 20; i++) tx.set(['seed', i], 'x'.repeat(60_000));
    });
    expect(await collect(snapshot.list())).toEqual(before);
    expect(await collect((await db.snapshot({ at: snapshot.version })).list())).toEqual(before);
  });
});
