/**
 * Hermitage: the ten cases by which Martin Kleppmann tells isolation levels apart
 * (https://github.com/ept/hermitage), step by step as they stand there, for both levels, with all transactions on
 * one handle and on a handle each.
 *
 * `serializable` prevents all ten; `snapshot` all but G2-item and G2. Nothing blocks: who commits first wins, and
 * the others get CONFLICT. Two things are stricter, or other, than in an SQL database:
 * - A serializable transaction that only read is refused too, if what it read is not the newest state any more.
 * - Two that write a key without reading it do not conflict when serializable (they are one after the other),
 *   and do under snapshot isolation (first committer wins).
 */
import type { Database, Transaction } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { openTestDatabase } from './support/database.js';

type Isolation = 'serializable' | 'snapshot';
type Ending = 'committed' | 'CONFLICT' | 'aborted';
type Row = [id: number, value: number];

/** A transaction whose body is made step by step, from outside. */
class Session {
  readonly tx: Transaction;
  readonly #end: (how: 'commit' | 'abort') => void;
  readonly #ending: Promise<Ending>;

  private constructor(tx: Transaction, end: (how: 'commit' | 'abort') => void, ending: Promise<Ending>) {
    this.tx = tx;
    this.#end = end;
    this.#ending = ending;
  }

  static async begin(db: Database, isolation: Isolation): Promise<Session> {
    // What the others committed before is in its snapshot, on whichever handle.
    await db.get('any');
    let end: (how: 'commit' | 'abort') => void = () => undefined;
    const gate = new Promise<'commit' | 'abort'>((resolve) => {
      end = resolve;
    });
    let ending: Promise<Ending> | undefined;
    const tx = await new Promise<Transaction>((began) => {
      const body = async (own: Transaction): Promise<void> => {
        began(own);
        if ((await gate) === 'abort') throw new Abort();
      };
      ending = db.transact(body, { isolation, maxRetries: 0 }).then(
        () => 'committed',
        (error: { code?: string }) => {
          if (error instanceof Abort) return 'aborted';
          if (error.code === 'CONFLICT') return 'CONFLICT';
          throw error;
        },
      );
    });
    return new Session(tx, end, ending!);
  }

  commit(): Promise<Ending> {
    this.#end('commit');
    return this.#ending;
  }

  abort(): Promise<Ending> {
    this.#end('abort');
    return this.#ending;
  }

  get(id: number): Promise<number | undefined> {
    return this.tx.get<number>(['test', id]);
  }

  set(id: number, value: number): void {
    this.tx.set(['test', id], value);
  }

  /** select * from test where … */
  async select(where: (value: number) => boolean = () => true): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const { key, value } of this.tx.list<number>({ prefix: 'test' }))
      if (where(value)) rows.push([key[1] as number, value]);
    return rows;
  }

  /** update test set value = … where … */
  async update(change: (value: number) => number, where?: (value: number) => boolean): Promise<void> {
    for (const [id, value] of await this.select(where)) this.set(id, change(value));
  }

  /** delete from test where … */
  async delete(where: (value: number) => boolean): Promise<void> {
    for (const [id] of await this.select(where)) this.tx.delete(['test', id]);
  }
}

class Abort extends Error {}

const levels: { isolation: Isolation; handles: number }[] = [
  { isolation: 'serializable', handles: 1 },
  { isolation: 'serializable', handles: 3 },
  { isolation: 'snapshot', handles: 1 },
  { isolation: 'snapshot', handles: 3 },
];

describe.each(levels)('$isolation, handles: $handles', ({ isolation, handles }) => {
  const serializable = isolation === 'serializable';
  /** What a transaction comes to whose reads, but not its writes, were overwritten. */
  const onlyReadsLost: Ending = serializable ? 'CONFLICT' : 'committed';
  let store: MemoryStore;
  let open: Database[];

  beforeEach(async () => {
    store = new MemoryStore();
    open = [];
    const first = await openTestDatabase(store);
    await first.transact((tx) => {
      tx.set(['test', 1], 10);
      tx.set(['test', 2], 20);
    });
    for (let i = 0; i < handles; i++) open.push(await openTestDatabase(store));
  });

  /** Transaction n of a case has handle n, if there are that many. */
  const begin = (n: number): Promise<Session> => Session.begin(open[(n - 1) % handles]!, isolation);

  const rows = async (): Promise<Row[]> => {
    const found: Row[] = [];
    for await (const { key, value } of (await openTestDatabase(store)).list<number>({ prefix: 'test' }))
      found.push([key[1] as number, value]);
    return found;
  };
  const state = async (expected: Row[]): Promise<void> => expect(await rows()).toEqual(expected);

  test('G0, write cycles: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    t1.set(1, 11);
    t2.set(1, 12);
    t1.set(2, 21);
    expect(await t1.commit()).toBe('committed');
    await state([
      [1, 11],
      [2, 21],
    ]);
    t2.set(2, 22);
    expect(await t2.commit()).toBe(serializable ? 'committed' : 'CONFLICT');
    await state(
      serializable
        ? [
            [1, 12],
            [2, 22],
          ]
        : [
            [1, 11],
            [2, 21],
          ],
    );
  });

  test('G1a, aborted reads: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    t1.set(1, 101);
    expect(await t2.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(await t1.abort()).toBe('aborted');
    expect(await t2.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(await t2.commit()).toBe('committed');
    await state([
      [1, 10],
      [2, 20],
    ]);
  });

  test('G1b, intermediate reads: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    t1.set(1, 101);
    expect(await t2.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    t1.set(1, 11);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    expect(await t2.commit()).toBe(onlyReadsLost);
    await state([
      [1, 11],
      [2, 20],
    ]);
  });

  test('G1c, circular information flow: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    t1.set(1, 11);
    t2.set(2, 22);
    expect(await t1.get(2)).toBe(20);
    expect(await t2.get(1)).toBe(10);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.commit()).toBe(onlyReadsLost);
    await state([
      [1, 11],
      [2, serializable ? 20 : 22],
    ]);
  });

  test('OTV, an observed transaction vanishes: prevented', async () => {
    const [t1, t2, t3] = [await begin(1), await begin(2), await begin(3)];
    t1.set(1, 11);
    t1.set(2, 19);
    t2.set(1, 12);
    expect(await t1.commit()).toBe('committed');
    expect(await t3.get(1)).toBe(10);
    t2.set(2, 18);
    expect(await t3.get(2)).toBe(20);
    expect(await t2.commit()).toBe(serializable ? 'committed' : 'CONFLICT');
    expect([await t3.get(2), await t3.get(1)]).toEqual([20, 10]);
    expect(await t3.commit()).toBe(onlyReadsLost);
  });

  test('OTV, the observer having begun after the first commit: it sees all of it, to the end', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    t1.set(1, 11);
    t1.set(2, 19);
    expect(await t1.commit()).toBe('committed');
    const t3 = await begin(3);
    t2.set(1, 12);
    expect(await t3.get(1)).toBe(11);
    t2.set(2, 18);
    expect(await t2.commit()).toBe(serializable ? 'committed' : 'CONFLICT');
    expect([await t3.get(2), await t3.get(1)]).toEqual([19, 11]);
    // Under snapshot isolation nothing was overwritten: T2 lost.
    expect(await t3.commit()).toBe(onlyReadsLost);
  });

  test('PMP, predicate-many-preceders: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect(await t1.select((value) => value === 30)).toEqual([]);
    t2.set(3, 30);
    expect(await t2.commit()).toBe('committed');
    expect(await t1.select((value) => value % 3 === 0)).toEqual([]);
    expect(await t1.commit()).toBe(onlyReadsLost);
  });

  test('PMP for write predicates: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    await t1.update((value) => value + 10);
    await t2.delete((value) => value === 20);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.commit()).toBe('CONFLICT');
    await state([
      [1, 20],
      [2, 30],
    ]);
  });

  test('P4, lost update: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect(await t1.get(1)).toBe(10);
    expect(await t2.get(1)).toBe(10);
    t1.set(1, 11);
    t2.set(1, 12);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.commit()).toBe('CONFLICT');
    await state([
      [1, 11],
      [2, 20],
    ]);
  });

  test('G-single, read skew: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect(await t1.get(1)).toBe(10);
    expect([await t2.get(1), await t2.get(2)]).toEqual([10, 20]);
    t2.set(1, 12);
    t2.set(2, 18);
    expect(await t2.commit()).toBe('committed');
    expect(await t1.get(2)).toBe(20);
    expect(await t1.commit()).toBe(onlyReadsLost);
  });

  test('G-single with predicate dependencies: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect(await t1.select((value) => value % 5 === 0)).toEqual([
      [1, 10],
      [2, 20],
    ]);
    await t2.update(
      () => 12,
      (value) => value === 10,
    );
    expect(await t2.commit()).toBe('committed');
    expect(await t1.select((value) => value % 3 === 0)).toEqual([]);
    expect(await t1.commit()).toBe(onlyReadsLost);
  });

  test('G-single with a write predicate: prevented', async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect(await t1.get(1)).toBe(10);
    expect(await t2.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    t2.set(1, 12);
    t2.set(2, 18);
    expect(await t2.commit()).toBe('committed');
    await t1.delete((value) => value === 20);
    expect(await t1.commit()).toBe('CONFLICT');
    await state([
      [1, 12],
      [2, 18],
    ]);
  });

  test(`G2-item, write skew: ${serializable ? 'prevented' : 'allowed'}`, async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    expect([await t1.get(1), await t1.get(2)]).toEqual([10, 20]);
    expect([await t2.get(1), await t2.get(2)]).toEqual([10, 20]);
    t1.set(1, 11);
    t2.set(2, 21);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.commit()).toBe(serializable ? 'CONFLICT' : 'committed');
    await state([
      [1, 11],
      [2, serializable ? 20 : 21],
    ]);
  });

  test(`G2, anti-dependency cycles over a predicate: ${serializable ? 'prevented' : 'allowed'}`, async () => {
    const [t1, t2] = [await begin(1), await begin(2)];
    const third = (value: number): boolean => value % 3 === 0;
    expect(await t1.select(third)).toEqual([]);
    expect(await t2.select(third)).toEqual([]);
    t1.set(3, 30);
    t2.set(4, 42);
    expect(await t1.commit()).toBe('committed');
    expect(await t2.commit()).toBe(serializable ? 'CONFLICT' : 'committed');
    const inserted = (await rows()).filter(([, value]) => third(value));
    expect(inserted).toEqual(
      serializable
        ? [[3, 30]]
        : [
            [3, 30],
            [4, 42],
          ],
    );
  });

  test(`G2, Fekete's three with a reader between: ${serializable ? 'prevented' : 'allowed'}`, async () => {
    const t1 = await begin(1);
    expect(await t1.select()).toEqual([
      [1, 10],
      [2, 20],
    ]);
    const t2 = await begin(2);
    t2.set(2, (await t2.get(2))! + 5);
    expect(await t2.commit()).toBe('committed');
    const t3 = await begin(3);
    expect(await t3.select()).toEqual([
      [1, 10],
      [2, 25],
    ]);
    expect(await t3.commit()).toBe('committed');
    t1.set(1, 0);
    expect(await t1.commit()).toBe(serializable ? 'CONFLICT' : 'committed');
    await state([
      [1, serializable ? 10 : 0],
      [2, 25],
    ]);
  });
});
