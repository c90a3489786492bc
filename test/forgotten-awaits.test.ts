/**
 * A call in a transaction's body that nobody waits for: it is seen through before the commit, its failure is the
 * transaction's, and no process ends of it.
 */
import type { Database, Transaction } from '@holdfast/mvcc';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore, settled } from '@holdfast/object-store/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase, seed } from './support/database.js';

const unhandled: unknown[] = [];
const note = (error: unknown): void => {
  unhandled.push(error);
};

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  // Node reports a rejection once the microtasks are done.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

const bad = undefined as never;

/** Reads that fail, by what they are given. */
const failing: [string, (tx: Transaction) => Promise<unknown>][] = [
  ['get', (tx) => tx.get(bad)],
  ['getEntry', (tx) => tx.getEntry(bad)],
  ['getMany', (tx) => tx.getMany([bad])],
  ['snapshotGet', (tx) => tx.snapshotGet(bad)],
  ['has', (tx) => tx.has(bad)],
  ['first', (tx) => tx.first({ gt: 1 as never })],
  ['count', (tx) => tx.count({ gt: 1 as never })],
  ['a step of list', (tx) => tx.list({ gt: 1 as never }).next()],
  ['a step of keys', (tx) => tx.keys({ gt: 1 as never }).next()],
  ['a step of batches', (tx) => tx.list().batches(0).next()],
];

let db: Database;
beforeEach(async () => {
  db = await openTestDatabase(new MemoryStore());
  await seed(db, 3);
});

describe.each(failing)('%s that fails', (_, read) => {
  test('and is not awaited fails the transaction, and commits nothing', async () => {
    await expect(
      db.transact((tx) => {
        tx.set('a', 1);
        void read(tx);
      }),
    ).rejects.toThrow(/expected/);
    expect(await db.get('a')).toBeUndefined();
  });

  test('and is not awaited fails the transaction, long before the body has ended', async () => {
    await expect(
      db.transact(async (tx) => {
        tx.set('a', 1);
        void read(tx);
        for (let i = 0; i < 3; i++) await tx.get(['seed', i]);
      }),
    ).rejects.toThrow(/expected/);
    expect(await db.get('a')).toBeUndefined();
  });

  test('and is handled by the body is its business', async () => {
    await db.transact(async (tx) => {
      await read(tx).catch(() => {});
      await Promise.allSettled([read(tx), read(tx)]);
      try {
        await read(tx);
      } catch {
        tx.set('a', 1);
      }
    });
    expect(await db.get('a')).toBe(1);
  });

  test('is kept as a promise and awaited later, like any', async () => {
    await db.transact(async (tx) => {
      const kept = read(tx);
      await tx.get(['seed', 1]);
      await expect(kept).rejects.toThrow(/expected/);
      tx.set('a', 1);
    });
    expect(await db.get('a')).toBe(1);
  });
});

describe('a read that is not awaited', () => {
  test('is waited for before the commit', async () => {
    const memory = new MemoryStore();
    const writer = await openTestDatabase(memory);
    await writer.transact((tx) => {
      for (let i = 0; i < 20; i++) tx.set(['k', i], 'x'.repeat(60_000));
    });
    const gated = new GatedStore(memory, { when: ({ key }) => key.startsWith('seg/') });
    const reader = await openTestDatabase(gated);
    let done = false;
    const transaction = reader
      .transact((tx) => {
        tx.set('a', 1);
        void tx.get(['k', 1]);
      })
      .then(() => {
        done = true;
      });
    await gated.waitForPending(1);
    await settled();
    expect(done).toBe(false);
    await gated.open();
    await transaction;
    expect(await writer.get('a')).toBe(1);
  });

  test('counts as read: what it saw must hold', async () => {
    let runs = 0;
    await db.transact(async (tx) => {
      void tx.get(['seed', 1]);
      if (runs++ === 0) await db.set(['seed', 1], 'other');
      tx.set('a', runs);
    });
    expect(runs).toBe(2);
  });

  test('that the store fails to answer fails the transaction', async () => {
    const faulty = new FaultyStore(new MemoryStore());
    const writer = await openTestDatabase(faulty);
    await writer.transact((tx) => {
      for (let i = 0; i < 20; i++) tx.set(['k', i], 'x'.repeat(60_000));
    });
    const reader = await openTestDatabase(faulty);
    const error = new StoreError('DENIED', 'not this one');
    faulty.failBefore('get', { when: (key) => key.startsWith('seg/'), error });
    await expectCode(
      reader.transact((tx) => {
        tx.set('a', 1);
        void tx.get(['k', 1]);
      }),
      'STORE_REFUSED',
    );
    expect(await writer.get('a')).toBeUndefined();
  });

  test('of a helper that goes on from there takes part in the transaction', async () => {
    await db.transact((tx) => {
      const helper = async (): Promise<void> => {
        const value = await tx.get<string>(['seed', 1]);
        tx.set('copied', value);
        for await (const { key } of tx.list({ prefix: 'seed' })) tx.set(['seen', ...key], 1);
      };
      void helper();
    });
    expect(await db.get('copied')).toBe('x'.repeat(10));
    expect(await db.count({ prefix: 'seen' })).toBe(3);
  });
});

describe('after the body', () => {
  test('reads that nobody awaits are refused in silence', async () => {
    let kept!: Transaction;
    await db.transact((tx) => {
      kept = tx;
    });
    void kept.get('a');
    void kept.getMany(['a']);
    void kept.count();
    void kept.first();
    void kept.list().next();
    await expectCode(kept.get('a'), 'CLOSED');
    await expectCode(kept.keys().next() as Promise<unknown>, 'CLOSED');
  });

  test('a walk that was left behind is closed', async () => {
    let walk!: AsyncGenerator<unknown>;
    let batches!: AsyncGenerator<unknown>;
    await db.transact(async (tx) => {
      walk = tx.list({ prefix: 'seed' });
      expect((await walk.next()).done).toBe(false);
      batches = tx.keys({ prefix: 'seed' }).batches(1);
      await batches.next();
    });
    await expectCode(walk.next() as Promise<unknown>, 'CLOSED');
    await expectCode(batches.next() as Promise<unknown>, 'CLOSED');
    expect(await walk.return(undefined)).toEqual({ done: true, value: undefined });
  });

  test('of a body that throws too, whatever is under way', async () => {
    let walk!: AsyncGenerator<unknown>;
    await expect(
      db.transact(async (tx) => {
        walk = tx.list({ prefix: 'seed' });
        await walk.next();
        void tx.get(bad);
        void walk.next();
        throw new EvalError('of its own');
      }),
    ).rejects.toThrow('of its own');
    await expectCode(walk.next() as Promise<unknown>, 'CLOSED');
  });

  test('writes are refused at once', async () => {
    let kept!: Transaction;
    await db.transact((tx) => {
      kept = tx;
    });
    for (const write of [
      () => kept.set('a', 1),
      () => kept.delete('a'),
      () => kept.deleteRange({ prefix: 'a' }),
      () => kept.add('a', 1),
      () => kept.max('a', 1),
      () => kept.min('a', 1),
    ])
      expect(write).toThrow(/has ended/);
  });
});

describe('in a namespace', () => {
  test('the same holds', async () => {
    const users = db.namespace('users', {
      value: {
        encode: (value: number) => value,
        decode: (stored: unknown) => {
          if (stored === 13) throw new RangeError('no such number');
          return stored as number;
        },
      },
    });
    await db.set(['users', 'bad'], 13);
    for (const read of [
      (tx: { get(key: string): Promise<unknown> }) => tx.get('bad'),
      (tx: { first(): Promise<unknown> }) => tx.first(),
      (tx: { list(): AsyncGenerator<unknown> }) => tx.list().next(),
    ])
      await expect(
        users.transact((tx) => {
          tx.set('z', 1);
          void read(tx as never);
        }),
      ).rejects.toThrow('no such number');
    expect(await users.has('z')).toBe(false);
    let kept!: AsyncGenerator<unknown>;
    await users.set('a', 1);
    await users.transact(async (tx) => {
      kept = tx.keys();
      await kept.next();
    });
    await expectCode(kept.next() as Promise<unknown>, 'CLOSED');
    expect(await collect(users.keys())).toEqual([['a'], ['bad']]);
  });
});
