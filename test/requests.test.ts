/** Requests, whether named by a text of their own or by a number in a session: at most once, whatever happens. */
import type { Database, Outcome, RequestId } from '@holdfast/mvcc';
import { type Clock, MemoryStore } from '@holdfast/object-store';
import { GatedStore, settled } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { expectCode, openTestDatabase, seed } from './support/database.js';

let memory: MemoryStore;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  db = await openTestDatabase(memory, { probe: 'skip' });
});

/** Pauses between tries pass at once, deadlines never come. */
const patient: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    ms <= 5_000
      ? Promise.resolve()
      : new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
  after: () => () => {},
};

const add = (handle: Database, requestId: RequestId, options = {}): Promise<{ readonly n: number }> =>
  handle.transact(
    async (tx) => {
      const n = ((await tx.get<number>('n')) ?? 0) + 1;
      tx.set('n', n);
      return { n };
    },
    { requestId, ...options },
  );

describe.each<[string, (number: number) => RequestId]>([
  ['a text', (number) => `request ${number}`],
  ['a number in a session', (number) => ({ session: 's', number, settled: 0 })],
])('a request named by %s', (kind, id) => {
  test('keeps result and stamp over flushes and restarts, also once its entry lies in a segment', async () => {
    await add(db, id(1));
    const { version, versionstamp } = (await db.getEntry('n'))!;
    const committed = { status: 'committed', version, versionstamp, result: { n: 1 } };
    for (let round = 0; round < 3; round++) {
      db = await openTestDatabase(memory);
      expect(await add(db, id(1))).toEqual({ n: 1 });
      expect(await db.outcome(id(1))).toEqual(committed);
      await db.flush();
      expect(db.stats()).toMatchObject({ tailBytes: 0 });
      await seed(db, 3);
    }
    expect(await add(await openTestDatabase(memory), id(1))).toEqual({ n: 1 });
    expect(await db.get('n')).toBe(1);
  });

  test.each([10, 10_000])('of a large transaction keeps a result of %i characters', async (length) => {
    const large = (handle: Database): Promise<string> =>
      handle.transact(
        (tx) => {
          for (let i = 0; i < 20; i++) tx.set(['large', i], 'x'.repeat(60_000));
          tx.add('n', 1);
          return 'r'.repeat(length);
        },
        { requestId: id(1) },
      );
    const other = await openTestDatabase(memory);
    const results = await Promise.all([large(db), large(other), large(db)]);
    expect(new Set(results)).toEqual(new Set(['r'.repeat(length)]));
    const { version, versionstamp } = (await db.getEntry(['large', 7]))!;
    const again = await openTestDatabase(memory);
    expect(await again.outcome(id(1))).toMatchObject({ status: 'committed', version, versionstamp });
    expect(await large(again)).toBe('r'.repeat(length));
    expect(await again.get('n')).toBe(1);
  });

  test('under snapshot isolation acts once, though it is sent twice at once', async () => {
    const other = await openTestDatabase(memory);
    // An add conflicts with nothing: only the request itself can tell the two apart.
    const send = (handle: Database) =>
      handle.transact((tx) => tx.add('n', 1), { requestId: id(1), isolation: 'snapshot' });
    await Promise.all([db, other, db, other].map(send));
    expect(await db.get('n')).toBe(1);
  });

  test('whose body throws leaves nothing behind and may be sent again', async () => {
    const failing = db.transact(
      (tx) => {
        tx.set('n', 99);
        throw new Error('not today');
      },
      { requestId: id(1) },
    );
    await expect(failing).rejects.toThrow('not today');
    expect(await db.outcome(id(1))).toEqual({ status: 'open' });
    expect(await add(db, id(1))).toEqual({ n: 1 });
  });

  test('whose result can not be kept leaves nothing behind either', async () => {
    await expect(db.transact((tx) => tx.set('n', 1) ?? (() => 1), { requestId: id(1) })).rejects.toThrow(
      /must be a value that can be stored/,
    );
    const huge = db.transact(() => new Uint8Array(17 * 1024 * 1024), { requestId: id(1) });
    await expectCode(huge, 'LIMIT_EXCEEDED');
    expect([await db.get('n'), (await db.outcome(id(1))).status]).toEqual([undefined, 'open']);
  });

  test('with another input, digest, key, value or kind of write is refused', async () => {
    await add(db, id(1), { input: { a: 1 } });
    await expectCode(add(db, id(1), { input: { a: 2 } }), 'REQUEST_MISMATCH');
    await expectCode(add(db, id(1)), 'REQUEST_MISMATCH');
    await add(db, id(2), { digest: 'one' });
    await expectCode(add(db, id(2), { digest: 'two' }), 'REQUEST_MISMATCH');
    expect(await add(db, id(2), { digest: 'one' })).toEqual({ n: 2 });
    const first = await db.set('x', 'value', { requestId: id(3) });
    expect(await db.set('x', 'value', { requestId: id(3) })).toEqual(first);
    for (const other of [
      db.set('x', 'another', { requestId: id(3) }),
      db.set('y', 'value', { requestId: id(3) }),
      db.delete('x', { requestId: id(3) }),
      db.deleteRange({ prefix: 'x' }, { requestId: id(3) }),
      add(db, id(3)),
    ])
      expect(await expectCode(other, 'REQUEST_MISMATCH')).toMatchObject({ maybeCommitted: false });
    expect(await db.get('x')).toBe('value');
  });

  test('stands for its input and its digest as they are typed: no two are alike', async () => {
    const bytes = new TextEncoder().encode('one');
    const said = [
      {},
      { digest: '' },
      { digest: new Uint8Array(0) },
      { digest: 'one' },
      { digest: bytes },
      { digest: 'pay \ud800' },
      { digest: 'pay \udc00' },
      { digest: 'pay \ufffd' },
      { input: 'one' },
      { input: bytes },
      { input: null },
      { input: '' },
      { input: [] },
      { input: ['one'] },
      { digest: 'one', input: 'one' },
      { digest: 'one', input: bytes },
      { digest: 'one', input: null },
      { input: { digest: 'one' } },
    ];
    for (const [i, first] of said.entries())
      for (const [j, second] of said.entries()) {
        const requestId = kind === 'a text' ? `said ${i} ${j}` : { session: `said ${i} ${j}`, number: 1 };
        await db.transact(() => i, { requestId, ...first });
        const again = db.transact(() => -1, { requestId, ...second });
        if (i === j) expect(await again).toBe(i);
        else await expectCode(again, 'REQUEST_MISMATCH');
      }
    const bad = db.transact(() => 1, { requestId: id(1), input: '\udc00' });
    await expect(bad).rejects.toThrow(TypeError);
    expect(await db.outcome(id(1))).toEqual({ status: 'open' });
  });

  test('is answered again with no more than what a transaction costs', async () => {
    const first = await db.set('x', 1, { requestId: id(1) });
    const before = db.traffic().snapshot();
    expect(await db.set('x', 1, { requestId: id(1) })).toEqual(first);
    expect(db.traffic().since(before).requests).toEqual({ read: 0, write: 0, list: 0, delete: 0 });
  });

  test('closed by one process is never carried out by another that already runs it', async () => {
    const other = await openTestDatabase(memory);
    let runs = 0;
    const sent = other.transact(
      async (tx) => {
        if (runs++ === 0) await db.outcome(id(1), { close: true });
        tx.set('n', 1);
      },
      { requestId: id(1) },
    );
    await expectCode(sent, 'REQUEST_CLOSED');
    expect([runs, await db.get('n')]).toEqual([1, undefined]);
  });

  test('sent and closed at once, in any interleaving of their calls to the store, has one outcome', async () => {
    type Call = 'send' | 'close';
    const call = fc.record({
      what: fc.constantFrom<Call>('send', 'close'),
      handle: fc.nat(2),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 2, maxLength: 5 }),
        fc.array(fc.nat(7), { minLength: 10, maxLength: 40 }),
        async (calls, choices) => {
          const store = new MemoryStore();
          await (await openTestDatabase(store, { probe: 'skip' })).set('n', 0);
          const gated = new GatedStore(store, { open: true });
          const handles = await Promise.all(
            [0, 1, 2].map(() => openTestDatabase(gated, { probe: 'skip', clock: patient })),
          );
          gated.shut();
          let underWay = calls.length;
          const answers = calls.map(async ({ what, handle }) => {
            const db = handles[handle]!;
            try {
              return await (what === 'send' ? add(db, id(1)) : db.outcome(id(1), { close: true }));
            } catch (error) {
              return { status: (error as { code: string }).code };
            } finally {
              underWay--;
            }
          });
          for (let i = 0; underWay > 0; i++) {
            await settled();
            const { pending } = gated;
            await pending[choices[i % choices.length]! % pending.length]?.release();
          }
          await gated.open();
          const fresh = await openTestDatabase(store);
          const { status } = await fresh.outcome(id(1));
          expect(status).not.toBe('open');
          expect(await fresh.get('n')).toBe(status === 'committed' ? 1 : 0);
          const expected: Record<Call, Partial<Outcome> | { n: number } | { status: string }> =
            status === 'committed'
              ? { send: { n: 1 }, close: { status: 'committed', result: { n: 1 } } }
              : { send: { status: 'REQUEST_CLOSED' }, close: { status: 'closed' } };
          for (const [i, answer] of (await Promise.all(answers)).entries())
            expect(answer).toMatchObject(expected[calls[i]!.what]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
