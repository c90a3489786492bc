/**
 * `maybeCommitted` is true to its word: a failure that says false has changed nothing and never will, though lost
 * PUTs arrive long after; one that says true could not know.
 */
import { HoldfastError, recordName } from '@holdfast/core';
import type { Database, RequestId } from '@holdfast/mvcc';
import { MemoryStore, type ObjectStore, StoreError, type StoreErrorCode } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { openTestDatabase } from './support/database.js';

/** What happens to one call. `late`: its answer is lost, and it takes effect when the test is over. */
type Fate =
  | 'ok'
  | 'lost before'
  | 'lost after'
  | 'late'
  | 'unavailable'
  | 'denied'
  | 'thrown'
  | 'thrown after';

const ERRORS: Partial<Record<Fate, StoreErrorCode>> = {
  'lost before': 'UNKNOWN_OUTCOME',
  'lost after': 'UNKNOWN_OUTCOME',
  late: 'UNKNOWN_OUTCOME',
  unavailable: 'UNAVAILABLE',
  denied: 'DENIED',
};

/** A store whose calls meet what a script says, one after the other; then the last of it, until `recover`. */
class ScriptedStore implements ObjectStore {
  readonly inner: MemoryStore;
  readonly capabilities: ObjectStore['capabilities'];
  readonly puts: string[] = [];
  #putFates: Fate[] = [];
  #readFates: Fate[] = [];
  #late: (() => Promise<unknown>)[] = [];

  constructor(inner: MemoryStore) {
    this.inner = inner;
    this.capabilities = inner.capabilities;
  }

  script(puts: readonly Fate[], reads: readonly Fate[] = ['ok']): void {
    this.#putFates = [...puts];
    this.#readFates = [...reads];
  }

  /** Every call succeeds from now on, and what was on its way arrives. */
  async recover(): Promise<void> {
    this.script(['ok']);
    for (const arrive of this.#late) await arrive();
  }

  async #meet<T>(fates: Fate[], call: () => Promise<T>): Promise<T> {
    const fate = (fates.length > 1 ? fates.shift() : fates[0]) ?? 'ok';
    if (fate === 'ok') return call();
    if (fate === 'lost after' || fate === 'thrown after') await call();
    if (fate === 'late') this.#late.push(call);
    const code = ERRORS[fate];
    throw code ? new StoreError(code, `Scripted: ${fate}.`) : new Error(`Scripted: ${fate}.`);
  }

  get(...args: Parameters<ObjectStore['get']>): ReturnType<ObjectStore['get']> {
    return this.#meet(this.#readFates, () => this.inner.get(...args));
  }
  put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    this.puts.push(args[0].slice(0, 4));
    return this.#meet(this.#putFates, () => this.inner.put(...args));
  }
  delete(...args: Parameters<ObjectStore['delete']>): Promise<void> {
    return this.inner.delete(...args);
  }
  list(...args: Parameters<ObjectStore['list']>): ReturnType<ObjectStore['list']> {
    return this.inner.list(...args);
  }
}

let memory: MemoryStore;
let store: ScriptedStore;
let clock: ManualClock;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  store = new ScriptedStore(memory);
  clock = new ManualClock();
  db = await openTestDatabase(store, { clock, probe: 'skip', maintenance: 'manual', commitTimeoutMs: 3_000 });
  await db.set('n', 0);
  store.puts.length = 0;
});

const add = (requestId?: RequestId): Promise<void> => db.transact((tx) => tx.add('n', 1), { requestId });

/** How often it took effect, as others see it. */
const truth = async (): Promise<number | undefined> =>
  (await openTestDatabase(memory, { readOnly: true })).get<number>('n');

async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await clock.runUntil(work).then(
    () => new Error('expected a failure'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

type Case = [what: string, puts: Fate[], reads: Fate[], code: string, maybe: boolean, effects: number];

const cases: Case[] = [
  ['refused at once', ['denied'], ['ok'], 'STORE_REFUSED', false, 0],
  ['never sent', ['unavailable'], ['ok'], 'UNAVAILABLE', false, 0],
  ['never sent, nor read', ['unavailable'], ['unavailable'], 'UNAVAILABLE', false, 0],
  ['not sent, then refused', ['unavailable', 'denied'], ['ok'], 'STORE_REFUSED', false, 0],
  ['lost on the way, then refused', ['lost before', 'denied'], ['ok'], 'STORE_REFUSED', true, 0],
  ['late, then refused', ['late', 'denied'], ['ok'], 'STORE_REFUSED', true, 1],
  ['done, then out of reach', ['lost after', 'unavailable'], ['unavailable'], 'OUTCOME_UNKNOWN', true, 1],
  ['done, and reads are refused', ['lost after', 'denied'], ['denied'], 'STORE_REFUSED', true, 1],
  ['done, occupied, and reads are refused', ['lost after', 'ok'], ['denied'], 'STORE_REFUSED', true, 1],
  ['done, occupied, and reads fail', ['lost after', 'ok'], ['unavailable'], 'OUTCOME_UNKNOWN', true, 1],
  ['failed in no store’s words', ['thrown'], ['ok'], 'OUTCOME_UNKNOWN', true, 0],
  ['done, failed in no store’s words', ['thrown after'], ['ok'], 'OUTCOME_UNKNOWN', true, 1],
  ['lost, then failed in no store’s words', ['late', 'thrown'], ['ok'], 'OUTCOME_UNKNOWN', true, 1],
];

describe('a record', () => {
  test.each(cases)('%s', async (_, puts, reads, code, maybeCommitted, effects) => {
    store.script(puts, reads);
    expect(await failureOf(add())).toMatchObject({ code, maybeCommitted });
    await store.recover();
    expect(await truth()).toBe(effects);
    // It goes on: what comes next is counted on top.
    await clock.runUntil(add());
    expect(await truth()).toBe(effects + 1);
  });

  test('that is given up on, and fenced: false, though the lost PUTs arrive later', async () => {
    let fenced = false;
    const put = store.put.bind(store);
    let first: Uint8Array | undefined;
    store.put = (key, bytes, options) => {
      first ??= bytes;
      fenced ||= bytes !== first;
      store.script([fenced ? 'ok' : 'late']);
      return put(key, bytes, options);
    };
    expect(await failureOf(add())).toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: false });
    expect([fenced, store.puts.length > 2]).toEqual([true, true]);
    await store.recover();
    expect(await truth()).toBe(0);
  });

  test.each<[string, Fate]>([
    ['a fence that fails in no store’s words', 'thrown'],
    ['a fence that is refused', 'denied'],
    ['a fence that is lost', 'lost before'],
  ])('that is given up on with %s: true', async (_, fate) => {
    const put = store.put.bind(store);
    let first: Uint8Array | undefined;
    store.put = (key, bytes, options) => {
      first ??= bytes;
      store.script([bytes === first ? 'late' : fate]);
      return put(key, bytes, options);
    };
    expect(await failureOf(add())).toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    await store.recover();
    expect(await truth()).toBe(1);
  });

  test('whose slot another one has, when the next slot is refused: false', async () => {
    const rival = await openTestDatabase(memory);
    await rival.set('rival', 1);
    store.script(['ok', 'denied']);
    expect(await failureOf(add())).toMatchObject({ code: 'STORE_REFUSED', maybeCommitted: false });
    await store.recover();
    expect(await truth()).toBe(0);
  });

  test('lost, whose slot another one took meanwhile, when the next slot is refused: false', async () => {
    const rival = await openTestDatabase(memory);
    await rival.set('rival', 1);
    store.script(['late', 'denied'], ['ok']);
    expect(await failureOf(add())).toMatchObject({ code: 'STORE_REFUSED', maybeCommitted: false });
    await store.recover();
    expect(await truth()).toBe(0);
  });

  test('of several transactions: each of them hears the same', async () => {
    store.script(['late', 'denied']);
    const all = await Promise.all([add(), add(), add()].map(failureOf));
    expect(all.map(({ maybeCommitted }) => maybeCommitted)).toEqual([true, true, true]);
    await store.recover();
    expect(await truth()).toBe(3);
  });

  test('that lies where the log can not be read: CORRUPT, and true', async () => {
    const rival = await openTestDatabase(memory);
    const { version } = await rival.set('rival', 1);
    const bytes = memory.objects().get(recordName(version))!.slice();
    bytes[200]! ^= 1;
    await memory.put(recordName(version), bytes);
    expect(await failureOf(add())).toMatchObject({ code: 'CORRUPT', maybeCommitted: true });
  });
});

describe('what is never sent is false:', () => {
  test('a conflict', async () => {
    const rival = await openTestDatabase(memory);
    const work = db.transact(
      async (tx) => {
        const n = (await tx.get<number>('n'))!;
        await rival.set('n', n + 10);
        tx.set('n', n + 1);
      },
      { maxRetries: 0 },
    );
    expect(await failureOf(work)).toMatchObject({ code: 'CONFLICT', maybeCommitted: false });
    expect(await truth()).toBe(10);
  });

  test('a large transaction whose segments are not written, whatever became of them', async () => {
    for (const fates of [['denied'], ['lost after', 'denied'], ['late', 'unavailable']] as Fate[][]) {
      store.script(fates);
      const work = db.transact((tx) => {
        for (let i = 0; i < 20; i++) tx.set(['large', i], 'x'.repeat(60_000));
        tx.add('n', 1);
      });
      expect((await failureOf(work)).maybeCommitted).toBe(false);
      await store.recover();
    }
    expect(new Set(store.puts)).toEqual(new Set(['seg/']));
    expect(await truth()).toBe(0);
  });

  test('a store that does not pass its probe', async () => {
    const writer = await openTestDatabase(store, { clock, probe: 'always' });
    store.script(['denied']);
    expect((await failureOf(writer.set('n', 5))).maybeCommitted).toBe(false);
    expect(await truth()).toBe(0);
  });

  test('a budget, a limit, a closed database, a closed request', async () => {
    await db.outcome('closed', { close: true });
    const failures = [
      () => db.transact((tx) => tx.add('n', 1), { budget: { requests: 0 } }),
      () => db.transact((tx) => tx.set('n', new Uint8Array(17 * 1024 * 1024))),
      () => add('closed'),
    ];
    for (const fail of failures) expect((await failureOf(fail())).maybeCommitted).toBe(false);
    await clock.runUntil(db.close());
    expect(await failureOf(add())).toMatchObject({ code: 'CLOSED', maybeCommitted: false });
    expect(await truth()).toBe(0);
  });
});

test('in any sequence of failures the flag is true to its word, and the request can be settled', async () => {
  const fate = fc.constantFrom<Fate>(
    ...([
      'ok',
      'lost before',
      'lost after',
      'late',
      'unavailable',
      'denied',
      'thrown',
      'thrown after',
    ] as const),
  );
  const id = fc.constantFrom<RequestId>('text', { session: 's', number: 1 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { minLength: 1, maxLength: 6 }),
      fc.array(fate, { minLength: 1, maxLength: 6 }),
      id,
      fc.constantFrom<'send' | 'close' | 'close late'>('send', 'close', 'close late'),
      fc.boolean(),
      async (puts, reads, requestId, then, rival) => {
        memory = new MemoryStore();
        store = new ScriptedStore(memory);
        clock = new ManualClock();
        db = await openTestDatabase(store, { clock, probe: 'skip', commitTimeoutMs: 3_000 });
        await db.set('n', 0);
        if (rival) await (await openTestDatabase(memory)).set('rival', 1);
        store.script(puts, reads);
        const answer = await clock.runUntil(
          add(requestId).then(
            () => 'done' as const,
            (error: HoldfastError) => error,
          ),
        );
        if (then !== 'close late') await store.recover();
        store.script(['ok']);
        if (answer === 'done') expect(await truth()).toBe(1);
        else if (answer.maybeCommitted === false) expect(await truth()).toBe(0);
        else expect(answer.maybeCommitted).toBe(true);
        if (then === 'send') {
          await clock.runUntil(add(requestId));
          expect(await truth()).toBe(1);
        } else {
          const { status } = await clock.runUntil(db.outcome(requestId, { close: true }));
          // What still was on its way can't change what outcome() has said.
          await store.recover();
          expect(await truth()).toBe(status === 'committed' ? 1 : 0);
          if (answer === 'done') expect(status).toBe('committed');
          else if (!answer.maybeCommitted) expect(status).toBe('closed');
        }
      },
    ),
    { numRuns: 200 },
  );
});
