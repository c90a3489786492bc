/**
 * The rule of an end: once a database is closed, or was stopped because its store shows two histories, every method
 * that could tell of the store or change it says so, as does every step of what it handed out before. What returns a
 * promise rejects, what returns an iterator fails at its first step, the rest throws.
 *
 * The cases are listed by method: a new one has to be given its case here.
 */
import {
  AtomicOperation,
  Database,
  Namespace,
  NamespaceSnapshot,
  Snapshot,
  type Transaction,
} from '@holdfast/mvcc';
import { MemoryStore, type ObjectStore } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { contentsOf } from './support/contents.js';
import { expectCode, openTestDatabase, seed } from './support/database.js';

/** How a method says it. */
type How = 'rejects' | 'first step' | 'throws';
type Case<T> = [how: How, use: (target: T) => unknown];

const range = { prefix: 'seed' };
const reads: Record<
  string,
  Case<
    Pick<Database, 'get' | 'getMany' | 'getEntry' | 'getStream' | 'has' | 'first' | 'list' | 'keys' | 'count'>
  >
> = {
  get: ['rejects', (r) => r.get('a')],
  getEntry: ['rejects', (r) => r.getEntry('a')],
  getMany: ['rejects', (r) => r.getMany(['a'])],
  getStream: ['rejects', (r) => r.getStream('a')],
  has: ['rejects', (r) => r.has('a')],
  first: ['rejects', (r) => r.first(range)],
  list: ['first step', (r) => r.list(range)],
  keys: ['first step', (r) => r.keys(range)],
  count: ['rejects', (r) => r.count(range)],
};
const writes: Record<
  string,
  Case<Pick<Database, 'set' | 'setStream' | 'load' | 'delete' | 'deleteRange' | 'add' | 'max' | 'min'>>
> = {
  set: ['rejects', (w) => w.set('a', 1)],
  setStream: ['rejects', (w) => w.setStream('a', [new Uint8Array(1)])],
  load: ['rejects', (w) => w.load([['a', 1]])],
  delete: ['rejects', (w) => w.delete('a')],
  deleteRange: ['rejects', (w) => w.deleteRange(range)],
  add: ['rejects', (w) => w.add('a', 1)],
  max: ['rejects', (w) => w.max('a', 1)],
  min: ['rejects', (w) => w.min('a', 1)],
};

const ofDatabase: Record<string, Case<Database>> = {
  ...(reads as unknown as Record<string, Case<Database>>),
  ...writes,
  transact: ['rejects', (db) => db.transact(() => 1)],
  atomic: ['throws', (db) => db.atomic()],
  outcome: ['rejects', (db) => db.outcome('r')],
  snapshot: ['rejects', (db) => db.snapshot()],
  namespace: ['throws', (db) => db.namespace('n')],
  watch: ['first step', (db) => db.watch()],
  log: ['first step', (db) => db.log()],
  checkpoint: ['rejects', (db) => db.checkpoint('c')],
  checkpoints: ['rejects', (db) => db.checkpoints()],
  dropCheckpoint: ['rejects', (db) => db.dropCheckpoint('c')],
  flush: ['rejects', (db) => db.flush()],
  maintain: ['rejects', (db) => db.maintain()],
  compact: ['rejects', (db) => db.compact()],
  gc: ['rejects', (db) => db.gc()],
  verify: ['rejects', (db) => db.verify()],
};
/** What tells only what this process has in memory, or ends: it goes on answering. */
const stillOfDatabase = ['version', 'id', 'stats', 'traffic', 'close'];

const ofSnapshot: Record<string, Case<Snapshot>> = {
  ...(reads as unknown as Record<string, Case<Snapshot>>),
  peek: ['throws', (snapshot) => snapshot.peek('a')],
  diff: ['first step', (snapshot) => snapshot.diff(snapshot)],
};
const stillOfSnapshot = ['version', 'time', 'hash', 'manifestRoot'];

const ofNamespace: Record<string, Case<Namespace>> = {
  ...(reads as unknown as Record<string, Case<Namespace>>),
  ...(writes as unknown as Record<string, Case<Namespace>>),
  atomic: ['throws', (ns) => ns.atomic()],
  transact: ['rejects', (ns) => ns.transact(() => 1)],
  snapshot: ['rejects', (ns) => ns.snapshot()],
  watch: ['first step', (ns) => ns.watch()],
};
/** `namespace` of a namespace makes another view, and asks nothing. */
const stillOfNamespace = ['keyOf', 'namespace'];

const ofNamespaceSnapshot: Record<string, Case<NamespaceSnapshot>> = {
  ...(reads as unknown as Record<string, Case<NamespaceSnapshot>>),
  peek: ['throws', (snapshot) => snapshot.peek('a')],
  diff: ['first step', (snapshot) => snapshot.diff(snapshot)],
};
const stillOfNamespaceSnapshot = ['snapshot', 'version', 'time'];

const ofAtomic: Record<string, Case<AtomicOperation>> = {
  commit: ['rejects', (atomic) => atomic.set('a', 1).commit()],
};
/** They only note what is to be done. */
const stillOfAtomic = ['in', 'check', 'set', 'delete', 'add', 'max', 'min'];

/** Every public name of a class, those it inherits too. Helpers that TypeScript keeps for subclasses are none. */
function methodsOf(target: { prototype: object }): string[] {
  const names = new Set<string>();
  for (
    let prototype = target.prototype;
    prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object
  )
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
  return [...names].filter((name) => !['constructor', 'run', 'guard'].includes(name));
}

test.each([
  ['Database', Database, ofDatabase, stillOfDatabase],
  ['Snapshot', Snapshot, ofSnapshot, stillOfSnapshot],
  ['Namespace', Namespace, ofNamespace, stillOfNamespace],
  ['NamespaceSnapshot', NamespaceSnapshot, ofNamespaceSnapshot, stillOfNamespaceSnapshot],
  ['AtomicOperation', AtomicOperation, ofAtomic, stillOfAtomic],
] as const)('every method of %s has its case here', (_, target, cases, still) => {
  expect(methodsOf(target).sort()).toEqual([...Object.keys(cases), ...still].sort());
});

async function told<T>(how: How, use: (target: T) => unknown, target: T): Promise<unknown> {
  if (how === 'throws') {
    try {
      return use(target);
    } catch (error) {
      return error;
    }
  }
  const outcome = use(target);
  const work = how === 'rejects' ? (outcome as Promise<unknown>) : (outcome as AsyncGenerator).next();
  expect(work).toBeInstanceOf(Promise);
  return work.then(
    (value) => value,
    (error: unknown) => error,
  );
}

/** A store that can be made to show another one. */
class SwitchedStore implements ObjectStore {
  shown: ObjectStore;
  readonly identity = 'switched';
  constructor(store: ObjectStore) {
    this.shown = store;
  }
  get capabilities() {
    return this.shown.capabilities;
  }
  get: ObjectStore['get'] = (...args) => this.shown.get(...args);
  put: ObjectStore['put'] = (...args) => this.shown.put(...args);
  delete: ObjectStore['delete'] = (...args) => this.shown.delete(...args);
  list: ObjectStore['list'] = (...args) => this.shown.list(...args);
}

const ends: [string, code: string, (db: Database, store: SwitchedStore) => Promise<void>][] = [
  ['closed', 'CLOSED', (db) => db.close()],
  [
    'stopped by a fork',
    'FORK',
    async (db, store) => {
      const another = new MemoryStore();
      for (const [name, bytes] of (store.shown as MemoryStore).objects()) await another.put(name, bytes);
      await db.set('ours', 1);
      const other = await openTestDatabase(another);
      for (let i = 0; i < 3; i++) await other.set(['theirs', i], 2);
      store.shown = another;
      await expectCode(db.get('ours'), 'FORK');
    },
  ],
];

describe.each(ends)('a database that is %s', (_, code, end) => {
  async function ended(): Promise<{ db: Database; store: SwitchedStore; before: Handed }> {
    const store = new SwitchedStore(new MemoryStore());
    const db = await openTestDatabase(store);
    await seed(db, 3);
    const before = await handedOut(db);
    await end(db, store);
    return { db, store, before };
  }

  test.each(Object.entries(ofDatabase))('refuses %s', async (_, [how, use]) => {
    const { db, store } = await ended();
    const held = contentsOf(store.shown as MemoryStore);
    expect(await told(how, use, db)).toMatchObject({ code });
    // And again: it stays so.
    expect(await told(how, use, db)).toMatchObject({ code });
    expect(contentsOf(store.shown as MemoryStore)).toEqual(held);
  });

  test('still tells what it knows', async () => {
    const { db } = await ended();
    expect(db.version).toBeGreaterThan(3);
    expect(db.id).toHaveLength(16);
    expect(db.stats().version).toBe(db.version);
    expect(db.traffic().requests.read).toBeGreaterThan(0);
    await db.close();
  });

  test.each(Object.entries(ofSnapshot))('refuses %s of a snapshot', async (_, [how, use]) => {
    const { before } = await ended();
    expect(await told(how, use, before.snapshot)).toMatchObject({ code });
  });

  test.each(Object.entries(ofNamespace))('refuses %s of a namespace', async (_, [how, use]) => {
    const { before } = await ended();
    expect(await told(how, use, before.namespace)).toMatchObject({ code });
  });

  test.each(Object.entries(ofNamespaceSnapshot))('refuses %s of its snapshot', async (_, [how, use]) => {
    const { before } = await ended();
    expect(await told(how, use, before.namespaceSnapshot)).toMatchObject({ code });
  });

  test('refuses the commit of an atomic operation', async () => {
    const { before } = await ended();
    await expectCode(before.atomic.set('a', 1).commit(), code);
  });

  test('refuses every further step of the walks that were under way', async () => {
    const { before } = await ended();
    for (const walk of before.walks) await expectCode(walk.next() as Promise<unknown>, code);
  });
});

type Handed = Awaited<ReturnType<typeof handedOut>>;

/** What a database hands out before it ends; each walk has made its first step. */
async function handedOut(db: Database) {
  const snapshot = await db.snapshot();
  const namespace = db.namespace('seed');
  await db.set(['seed', 9], 1);
  const walks: AsyncGenerator[] = [
    db.list(),
    db.keys(),
    db.list().batches(1),
    db.log(),
    snapshot.list(),
    snapshot.keys().batches(2),
    snapshot.diff(await db.snapshot()),
    namespace.list(),
    namespace.keys().batches(1),
  ];
  for (const walk of walks) expect((await walk.next()).done).toBe(false);
  return {
    snapshot,
    namespace,
    namespaceSnapshot: await namespace.snapshot(),
    atomic: db.atomic(),
    walks,
  };
}

describe('a transaction whose database ends meanwhile', () => {
  test('was begun before the close, and may go on to its commit', async () => {
    const store = new MemoryStore();
    const db = await openTestDatabase(store);
    await seed(db, 2);
    let closing!: Promise<void>;
    const result = await db.transact(async (tx) => {
      closing = db.close();
      const value = await tx.get(['seed', 1]);
      tx.set('copied', value);
      return tx.count({ prefix: 'seed' });
    });
    await closing;
    expect(result).toBe(2);
    expect(await (await openTestDatabase(store)).get('copied')).toBe('x'.repeat(10));
  });

  test('hears of a fork at its next call, whatever it is', async () => {
    const uses: [string, (tx: Transaction) => unknown][] = [
      ['get', (tx) => tx.get('a')],
      ['list', (tx) => tx.list().next()],
      ['set', (tx) => tx.set('a', 1)],
      ['deleteRange', (tx) => tx.deleteRange({ prefix: 'a' })],
    ];
    for (const [, use] of uses) {
      const store = new SwitchedStore(new MemoryStore());
      const db = await openTestDatabase(store);
      await seed(db, 2);
      await expectCode(
        db.transact(async (tx) => {
          await ends[1]![2](db, store);
          await use(tx);
        }),
        'FORK',
      );
    }
  });
});
