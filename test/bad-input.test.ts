/**
 * What is wrong in a call: each mistake is a typed error that says what was expected and what was found, and the
 * database afterwards is, byte for byte, as it was.
 */
import { type Database, TRANSACTION_BYTES_MAX, type Transaction } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { open } from 'holdfast';
import { beforeAll, describe, expect, test } from 'vitest';
import { contentsOf } from './support/contents.js';
import { collect, openTestDatabase, TEST_KEY } from './support/database.js';

/** A mistake, and what it is answered with: a code, or the class of a mistake in the program. */
type Mistake = [
  what: string,
  make: (db: Database) => unknown,
  answer: string,
  /** What the message must say: the expected, the found, what to do. */
  ...says: (string | RegExp)[],
];

const circular: Record<string, unknown> = {};
circular.self = { circular };
const circularKey: unknown[] = [];
circularKey.push(circularKey);
class Point {}
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
/** What a program without types can pass. */
const any = (value: unknown): never => value as never;

const mistakes: Mistake[] = [
  // Keys
  [
    'a key that is undefined',
    (db) => db.get(any(undefined)),
    'TypeError',
    'expected a key',
    'found undefined',
  ],
  [
    'a key that is a number',
    (db) => db.set(any(7), 1),
    'TypeError',
    'expected a key',
    'found a number',
    '[part, …]',
  ],
  [
    'a key with undefined in it',
    (db) => db.set(any(['a', undefined]), 1),
    'TypeError',
    'key[1]',
    'found undefined',
  ],
  [
    'a key with a date in it',
    (db) => db.set(any([new Date()]), 1),
    'TypeError',
    'key[0]',
    'found an object (Date)',
  ],
  ['a key with a symbol in it', (db) => db.delete(any([Symbol('s')])), 'TypeError', 'found a symbol'],
  ['a key with a hole', (db) => db.get(any(Array(1))), 'TypeError', 'found a hole'],
  [
    'a key with a lone surrogate',
    (db) => db.set(['\ud800'], 1),
    'TypeError',
    'well-formed Unicode',
    'use a Uint8Array',
  ],
  [
    'a key of 9000 bytes',
    (db) => db.set('x'.repeat(9000), 1),
    'LIMIT_EXCEEDED',
    '9002 bytes',
    'at most 8192',
  ],
  [
    'a key that contains itself',
    (db) => db.set(any(circularKey), 1),
    'LIMIT_EXCEEDED',
    'deeper than 64',
    'flatten',
  ],
  ['a key with a huge bigint', (db) => db.get([2n ** 5000n]), 'LIMIT_EXCEEDED', '626 bytes', 'at most 255'],
  [
    'many keys that are none',
    (db) => db.getMany(any('keys')),
    'TypeError',
    'expected an array of keys',
    'found string',
  ],
  ['many keys, one of them bad', (db) => db.getMany([['a'], any({})]), 'TypeError', 'expected a key'],
  // Values
  ['the value undefined', (db) => db.set('a', undefined), 'TypeError', 'undefined', 'delete'],
  ['a function as a value', (db) => db.set('a', () => 1), 'TypeError', 'function'],
  ['a symbol in a value', (db) => db.set('a', { b: Symbol('s') }), 'TypeError', 'symbol'],
  ['a class instance as a value', (db) => db.set('a', [new Point()]), 'TypeError', 'Point'],
  ['a value that contains itself', (db) => db.set('a', circular), 'TypeError', /circular|cycle|itself/],
  ['a lone surrogate in a value', (db) => db.set('a', ['\udfff']), 'TypeError', 'surrogate'],
  ['a value nested 600 deep', (db) => db.set('a', nested(600)), 'LIMIT_EXCEEDED', '512'],
  [
    'a value of 17 MiB',
    (db) => db.set('a', new Uint8Array(17 * 2 ** 20)),
    'LIMIT_EXCEEDED',
    'at most 16777216',
  ],
  ['a text of 17 MiB', (db) => db.set('a', 'x'.repeat(17 * 2 ** 20)), 'LIMIT_EXCEEDED', '16777216'],
  [
    'a transaction of more than 256 MiB',
    (db) =>
      db.transact((tx) => {
        const value = new Uint8Array(15 * 2 ** 20);
        for (let i = 0; i < 18; i++) tx.set(['big', i], value);
      }),
    'LIMIT_EXCEEDED',
    `at most ${TRANSACTION_BYTES_MAX} bytes`,
    'Split it',
  ],
  // Ranges
  ['a limit of -1', (db) => collect(db.list({ limit: -1 })), 'RangeError', 'whole number from 0', 'found -1'],
  ['a limit of 1.5', (db) => collect(db.keys({}, { limit: 1.5 })), 'RangeError', 'found 1.5'],
  ['a limit that is no number', (db) => db.count({}, { limit: any('2') }), 'RangeError', 'found 2'],
  ['a limit of NaN', (db) => collect(db.list({}, { limit: Number.NaN })), 'RangeError', 'found NaN'],
  [
    'a range that is a key',
    (db) => collect(db.list(any(['a']))),
    'TypeError',
    '{ prefix: key }',
    'found an array',
  ],
  ['a range that is null', (db) => collect(db.list(any(null))), 'TypeError', 'found null'],
  ['a range that is a text', (db) => db.deleteRange(any('a')), 'TypeError', 'found a string'],
  [
    'a range with an unknown field',
    (db) => collect(db.list(any({ from: 'a' }))),
    'TypeError',
    'prefix, gt',
    '"from"',
  ],
  [
    'a range to delete, with a limit',
    (db) => db.deleteRange(any({ prefix: 'a', limit: 1 })),
    'TypeError',
    '"limit"',
  ],
  ['a bound that is no key', (db) => collect(db.list({ gt: any(1) })), 'TypeError', 'expected a key'],
  [
    'a bound of 9000 bytes',
    (db) => collect(db.list({ lt: 'x'.repeat(9000) })),
    'LIMIT_EXCEEDED',
    'at most 8192',
  ],
  // Transactions
  [
    'a body that is no function',
    (db) => db.transact(any(undefined)),
    'TypeError',
    'expected a function',
    'found undefined',
  ],
  [
    'an unknown isolation',
    (db) => db.transact((tx) => tx.set('a', 2), { isolation: any('dirty') }),
    'TypeError',
    'serializable',
    '"dirty"',
  ],
  [
    'retries that are no number',
    (db) => db.transact((tx) => tx.set('a', 2), { maxRetries: Number.NaN }),
    'RangeError',
    'maxRetries',
    'found NaN',
  ],
  [
    'fewer retries than none',
    (db) => db.transact((tx) => tx.set('a', 2), { maxRetries: -1 }),
    'RangeError',
    'found -1',
  ],
  [
    'an empty request id',
    (db) => db.set('a', 2, { requestId: '' }),
    'TypeError',
    '1 to 512 characters',
    'found 0',
  ],
  ['a request id of 600 characters', (db) => db.outcome('x'.repeat(600)), 'TypeError', 'found 600'],
  [
    'a request id that is a number',
    (db) => db.transact(() => 1, { requestId: any(1) }),
    'TypeError',
    'found number',
  ],
  [
    'a request id with a lone surrogate',
    (db) => db.set('a', 2, { requestId: '\ud800' }),
    'TypeError',
    'Unicode',
  ],
  ...(
    [
      ['an empty session', { session: '', number: 1 }, 'TypeError', 'requestId.session', 'found 0'],
      ['a session of 600 characters', { session: 'x'.repeat(600), number: 1 }, 'TypeError', 'found 600'],
      ['a session that is a number', { session: 1, number: 1 }, 'TypeError', 'found number'],
      ['a session without a number', { session: 's' }, 'RangeError', 'requestId.number', 'found undefined'],
      ['a request number 0', { session: 's', number: 0 }, 'RangeError', 'from 1', 'found 0'],
      ['a request number and a half', { session: 's', number: 1.5 }, 'RangeError', 'found 1.5'],
      ['a request number as a text', { session: 's', number: '1' }, 'RangeError', 'whole number'],
      ['a request number that is not safe', { session: 's', number: 2 ** 53 }, 'RangeError', 'whole number'],
      ['a request that settles itself', { session: 's', number: 5, settled: 5 }, 'RangeError', 'below', '5'],
      ['a request that settles -1', { session: 's', number: 5, settled: -1 }, 'RangeError', 'found -1'],
      ['a request id that is null', null, 'TypeError', 'found null'],
    ] as const
  ).flatMap(([what, requestId, ...answer]): Mistake[] => [
    [`${what}, sent`, (db) => db.set('a', 2, { requestId: any(requestId) }), ...answer],
    [`${what}, asked for`, (db) => db.outcome(any(requestId), { close: true }), ...answer],
  ]),
  [
    'a digest that is a number',
    (db) => db.transact((tx) => tx.set('a', 2), { requestId: 'd', digest: any(1) }),
    'TypeError',
    'digest',
    'found number',
  ],
  [
    'an input that cannot be hashed',
    (db) => db.transact((tx) => tx.set('a', 2), { requestId: 'i', input: circular }),
    'TypeError',
    /circular|cycle|itself/,
  ],
  [
    'a result that cannot be stored with its request',
    (db) =>
      db.transact(
        (tx) => {
          tx.set('a', 2);
          return () => 1;
        },
        { requestId: 'function' },
      ),
    'TypeError',
    'result must be a value that can be stored',
  ],
  [
    'a request that was made before with another input',
    (db) => db.transact((tx) => tx.set('a', 2), { requestId: 'known', input: 2 }),
    'REQUEST_MISMATCH',
    '"known"',
    'new request id',
  ],
  [
    'a request that was closed',
    (db) => db.set('a', 2, { requestId: 'closed' }),
    'REQUEST_CLOSED',
    '"closed"',
    'new request id',
  ],
  [
    'a budget below nothing',
    (db) => db.transact((tx) => tx.set('a', 2), { budget: { requests: -1 } }),
    'RangeError',
    'budget.requests',
    'found -1',
  ],
  [
    'a budget of no requests',
    (db) => db.transact((tx) => tx.set('a', 2), { budget: { requests: 0 } }),
    'BUDGET_EXCEEDED',
    'budget is 0 requests',
    'Nothing was changed',
  ],
  [
    'a budget of few bytes',
    (db) => db.transact((tx) => tx.set('a', 'x'.repeat(5000)), { budget: { bytes: 1000 } }),
    'BUDGET_EXCEEDED',
    '1000 bytes',
  ],
  [
    'a budget that a large transaction overspends',
    (db) => db.transact((tx) => tx.set('a', 'x'.repeat(700_000)), { budget: { bytes: 600_000 } }),
    'BUDGET_EXCEEDED',
    '600000 bytes',
  ],
  [
    'a body that throws',
    (db) =>
      db.transact((tx) => {
        tx.set('a', 2);
        throw new EvalError('of its own');
      }),
    'EvalError',
    'of its own',
  ],
  [
    'a body that gives up on a key',
    (db) =>
      db.transact((tx) => {
        tx.set('a', 2);
        tx.set('b', undefined);
      }),
    'TypeError',
    'undefined',
  ],
  // Changes to what is there
  [
    'adding NaN',
    (db) => db.transact((tx) => tx.add('a', Number.NaN)),
    'TypeError',
    'a number or a bigint',
    'found NaN',
  ],
  ['adding a text', (db) => db.atomic().add('a', any('1')).commit(), 'TypeError', 'found string'],
  [
    'adding to a text',
    (db) => db.transact((tx) => tx.add('text', 1)),
    'TypeError',
    'expected a number',
    'found string',
  ],
  [
    'adding a bigint to a number',
    (db) => db.atomic().add('a', 1n).commit(),
    'TypeError',
    'expected a bigint',
  ],
  // Atomic operations
  ['a check of no versionstamp', (db) => db.atomic().check(any({ key: 'a' })), 'TypeError', '20 hex digits'],
  [
    'a check of a version',
    (db) => db.atomic().check({ key: 'a', versionstamp: any(3) }),
    'TypeError',
    'found 3',
  ],
  [
    'a check of a cut versionstamp',
    (db) => db.atomic().check({ key: 'a', versionstamp: '0000' }),
    'TypeError',
    '"0000"',
  ],
  [
    'a check of a bad key',
    (db) =>
      db
        .atomic()
        .check({ key: any(1), versionstamp: null })
        .commit(),
    'TypeError',
    'expected a key',
  ],
  [
    'an atomic write of undefined',
    (db) => db.atomic().set('a', undefined).commit(),
    'TypeError',
    'undefined',
  ],
  // Versions
  ['version 0', (db) => db.snapshot({ at: 0 }), 'RangeError', 'version from 1', 'found 0'],
  ['version 1.5', (db) => db.snapshot({ at: 1.5 }), 'RangeError', 'found 1.5'],
  ['version NaN', (db) => db.snapshot({ at: Number.NaN }), 'RangeError', 'found NaN'],
  [
    'a version of the future',
    (db) => db.snapshot({ at: 1e6 }),
    'RangeError',
    'version up to',
    'found 1000000',
  ],
  [
    'a version that is a text',
    (db) => db.snapshot({ at: any('3') }),
    'TypeError',
    'a version or a Date',
    'found string',
  ],
  ['no date', (db) => db.snapshot({ at: new Date('x') }), 'RangeError', 'invalid one'],
  [
    'a date before the database',
    (db) => db.snapshot({ at: new Date(0) }),
    'SNAPSHOT_EXPIRED',
    '1970-01-01',
    'version is 1',
  ],
  ['a watch from version 0', (db) => collect(db.watch({}, { from: 0 })), 'RangeError', 'found 0'],
  ['a watch from the future', (db) => collect(db.watch({}, { from: 1e6 })), 'RangeError', 'found 1000000'],
  [
    'a watch that never waits',
    (db) => collect(db.watch({}, { pollMs: Number.NaN })),
    'RangeError',
    'pollMs',
    'found NaN',
  ],
  ['a watch of a bad range', (db) => collect(db.watch(any('a'))), 'TypeError', 'found a string'],
  ['a log from the future', (db) => collect(db.log({ from: 1e6 })), 'RangeError', 'found 1000000'],
  ['a log to version -1', (db) => collect(db.log({ to: -1 })), 'RangeError', 'found -1'],
  // Options
  ...(
    [
      ['get', (db: Database, o: never) => db.get('a', o)],
      ['getEntry', (db: Database, o: never) => db.getEntry('a', o)],
      ['getMany', (db: Database, o: never) => db.getMany(['a'], o)],
      ['has', (db: Database, o: never) => db.has('a', o)],
      ['first', (db: Database, o: never) => db.first({}, o)],
      ['list', (db: Database, o: never) => collect(db.list({}, o))],
      ['keys', (db: Database, o: never) => collect(db.keys({}, o))],
      ['count', (db: Database, o: never) => db.count({}, o)],
      ['set', (db: Database, o: never) => db.set('a', 2, o)],
      ['delete', (db: Database, o: never) => db.delete('a', o)],
      ['deleteRange', (db: Database, o: never) => db.deleteRange({ prefix: 'a' }, o)],
      ['add', (db: Database, o: never) => db.add('a', 2, o)],
      ['max', (db: Database, o: never) => db.max('a', 2, o)],
      ['min', (db: Database, o: never) => db.min('a', 2, o)],
      ['transact', (db: Database, o: never) => db.transact((tx) => tx.set('a', 2), o)],
      ['commit', (db: Database, o: never) => db.atomic().set('a', 2).commit(o)],
      ['snapshot', (db: Database, o: never) => db.snapshot(o)],
      ['watch', (db: Database, o: never) => collect(db.watch({}, o))],
      ['log', (db: Database, o: never) => collect(db.log(o))],
      ['outcome', (db: Database, o: never) => db.outcome('known', o)],
      ['checkpoint', (db: Database, o: never) => db.checkpoint('c', o)],
      ['checkpoints', (db: Database, o: never) => db.checkpoints(o)],
      ['dropCheckpoint', (db: Database, o: never) => db.dropCheckpoint('c', o)],
      ['verify', (db: Database, o: never) => db.verify(o)],
      ['namespace', (db: Database, o: never) => db.namespace('n', o)],
      ['list', (db: Database, o: never) => db.transact((tx) => collect(tx.list({}, o)))],
      ['first', (db: Database, o: never) => db.transact((tx) => tx.first({}, o))],
      ['count', async (db: Database, o: never) => (await db.snapshot()).count({}, o)],
      ['keys', async (db: Database, o: never) => collect((await db.snapshot()).keys({}, o))],
      ['set', (db: Database, o: never) => db.namespace('n').set('a', 2, o)],
      ['transact', (db: Database, o: never) => db.namespace('n').transact(() => 1, o)],
    ] as const
  ).flatMap(([call, use]): Mistake[] => [
    [
      `an option that ${call} does not know`,
      (db) => use(db, any({ Sígnal: 1 })),
      'TypeError',
      new RegExp(`^${call}: unknown option "Sígnal"`),
      'Expected ',
    ],
    [
      `options of ${call} that are a number`,
      (db) => use(db, any(7)),
      'TypeError',
      `${call}: expected an object`,
    ],
    [`options of ${call} that are null`, (db) => use(db, any(null)), 'TypeError', 'found null'],
  ]),
  [
    'a misspelt option',
    (db) => db.transact((tx) => tx.set('a', 2), any({ maxRetrys: 1 })),
    'TypeError',
    'did you mean "maxRetries"?',
  ],
  [
    'an unknown part of a budget',
    (db) => db.transact((tx) => tx.set('a', 2), { budget: any({ request: 1 }) }),
    'TypeError',
    'transact: budget: unknown option "request"; did you mean "requests"?',
  ],
  ['an expiry of nothing', (db) => db.set('a', 2, { expireInMs: 0 }), 'RangeError', 'found 0'],
  ['an expiry of a part', (db) => db.set('a', 2, { expireInMs: 0.5 }), 'RangeError', 'found 0.5'],
  ['an expiry of text', (db) => db.set('a', 2, { expireInMs: any('1s') }), 'TypeError', 'found string'],
  [
    'an expiry at no time',
    (db) => db.set('a', 2, { expireAt: new Date(Number.NaN) }),
    'RangeError',
    'an invalid one',
  ],
  ['two expiries', (db) => db.set('a', 2, { expireInMs: 1, expireAt: 1 }), 'TypeError', 'found both'],
  [
    'a misspelt expiry',
    (db) => db.atomic().set('a', 2, any({ expiresAt: 1 })),
    'TypeError',
    'did you mean "expireAt"',
  ],
  [
    'an expiry of a deletion',
    (db) => db.delete('a', any({ expireInMs: 1 })),
    'TypeError',
    'unknown option "expireInMs"',
  ],
  ['a staleness below nothing', (db) => db.get('a', { maxStalenessMs: -1 }), 'RangeError', 'found -1'],
  ['a staleness of text', (db) => db.snapshot({ maxStalenessMs: any('1s') }), 'RangeError', 'found 1s'],
  ['a signal that is none', (db) => db.set('a', 2, { signal: any({}) }), 'TypeError', 'an AbortSignal'],
  ['a meter that is none', (db) => db.get('a', { meter: any({}) }), 'TypeError', 'expected a Traffic'],
  ['a direction that is none', (db) => collect(db.list({}, { reverse: any(1) })), 'TypeError', 'a boolean'],
  ['a first with a limit', (db) => db.first({ limit: 2 }), 'TypeError', 'without limit'],
  ['batches of nothing', (db) => collect(db.list().batches(0)), 'RangeError', 'from 1', 'found 0'],
  ['batches of NaN', (db) => collect(db.keys().batches(Number.NaN)), 'RangeError', 'found NaN'],
  [
    'a range and a limit of batches',
    (db) => collect(db.list({ limit: -1 }).batches()),
    'RangeError',
    'found -1',
  ],
  // The rest
  ['a checkpoint without a name', (db) => db.checkpoint(''), 'TypeError', '1 to 256 characters', 'found ""'],
  ['a checkpoint that is a number', (db) => db.checkpoint(any(1)), 'TypeError', 'found 1'],
  [
    'a checkpoint of 300 characters',
    (db) => db.dropCheckpoint('c'.repeat(300)),
    'TypeError',
    '1 to 256 characters',
  ],
  [
    'a namespace without a key',
    (db) => db.namespace(any(undefined)).set('a', 1),
    'TypeError',
    'expected a key',
  ],
];

let store: MemoryStore;
let db: Database;
beforeAll(async () => {
  store = new MemoryStore();
  db = await openTestDatabase(store);
  await db.set('a', 1);
  await db.set('text', 'text');
  await db.transact((tx) => tx.set('known', 1), { requestId: 'known', input: 1 });
  await db.outcome('closed', { close: true });
  await db.flush();
  await db.set('tail', true);
});

/** The error, however it is thrown. */
async function errorOf(make: () => unknown): Promise<Error & { code?: string }> {
  try {
    const result = await make();
    throw new Error(`expected a refusal, found ${String(result)}`);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return error as Error & { code?: string };
  }
}

test.each(mistakes)('%s is refused', async (_, make, answer, ...says) => {
  const before = contentsOf(store);
  const error = await errorOf(() => make(db));
  expect(error.code ?? error.name, error.message).toBe(answer);
  for (const words of says) expect(error.message).toMatch(words);
  expect(contentsOf(store)).toEqual(before);
  expect(await db.getMany(['a', 'text', 'known', 'tail'])).toEqual([1, 'text', 1, true]);
});

test('after all these mistakes the database works', async () => {
  await db.transact((tx) => tx.set('works', true));
  expect(await db.get('works')).toBe(true);
  expect(await db.verify({ deep: true })).toMatchObject({ ok: true, unreferenced: 0 });
  const again = await openTestDatabase(store, { readOnly: true });
  expect(await again.get('works')).toBe(true);
});

describe('what looks like a mistake and is none', () => {
  test.each([
    ['the empty tuple', []],
    ['the empty text', ''],
    ['no bytes', new Uint8Array(0)],
    ['null', [null]],
    ['an empty tuple in a tuple', [[]]],
    ['a key of exactly 8192 bytes', 'x'.repeat(8190)],
  ])('%s is a key', async (_, key) => {
    await db.set(key, 'here');
    expect(await db.get(key)).toBe('here');
    expect(await collect(db.list({ gte: key, lte: key }))).toHaveLength(1);
    await db.delete(key);
    expect(await db.has(key)).toBe(false);
  });

  test('ranges may be inverted, empty or endless', async () => {
    expect(await db.count({ gt: 'b', lt: 'a' })).toBe(0);
    expect(await db.count({ gte: 'a', lt: 'a' })).toBe(0);
    expect(await db.count({ prefix: 'a', gt: 'z' })).toBe(0);
    expect(await collect(db.list({ limit: 0 }))).toEqual([]);
    const all = await db.count();
    expect(await db.count({ gte: [] })).toBe(all);
    expect(await db.count({ lte: [new Uint8Array(8000).fill(255), 1e308] })).toBeLessThanOrEqual(all);
    expect(await collect(db.list({ limit: Number.MAX_SAFE_INTEGER }))).toHaveLength(all);
  });

  test('deleting what is not there changes nothing', async () => {
    const before = contentsOf(store);
    expect(await db.dropCheckpoint('nothing')).toBe(false);
    await db.deleteRange({ gte: 'b', lt: 'b' });
    await db.transact((tx) => tx.deleteRange({ gt: 'x', lt: 'b' }));
    expect(contentsOf(store)).toEqual(before);
    // Whether a range has keys is not looked at: that it is deleted is written all the same.
    const entries = await collect(db.list());
    await db.deleteRange({ prefix: ['nothing'] });
    expect(await collect(db.list())).toEqual(entries);
  });
});

describe('a transaction after its body', () => {
  const uses: [string, (tx: Transaction) => unknown][] = [
    ['set', (tx) => tx.set('late', 1)],
    ['delete', (tx) => tx.delete('a')],
    ['add', (tx) => tx.add('a', 1)],
    ['get', (tx) => tx.get('a')],
    ['getMany', (tx) => tx.getMany(['a', 'b'])],
    ['list', (tx) => collect(tx.list())],
    ['count', (tx) => tx.count()],
    ['deleteRange', (tx) => tx.deleteRange({ prefix: 'a' })],
  ];

  test.each(uses)('%s is refused', async (_, use) => {
    let kept!: Transaction;
    await db.transact((tx) => {
      kept = tx;
    });
    const before = contentsOf(store);
    const error = await errorOf(() => use(kept));
    expect(error).toMatchObject({
      code: 'CLOSED',
      message: expect.stringContaining('awaited inside the body'),
    });
    expect(contentsOf(store)).toEqual(before);
  });

  test('that threw is refused too', async () => {
    let kept!: Transaction;
    await errorOf(() =>
      db.transact((tx) => {
        kept = tx;
        throw new EvalError('stop');
      }),
    );
    expect(await errorOf(() => kept.set('late', 1))).toMatchObject({ code: 'CLOSED' });
  });
});

describe('a database that may not be written, or not be used', () => {
  const writes: [string, (db: Database) => unknown][] = [
    ['set', (db) => db.set('a', 2)],
    ['delete', (db) => db.delete('a')],
    ['deleteRange', (db) => db.deleteRange({ prefix: 'a' })],
    ['transact', (db) => db.transact((tx) => tx.set('a', 2))],
    ['transact with a request id', (db) => db.transact(() => 1, { requestId: 'new' })],
    ['atomic', (db) => db.atomic().set('a', 2).commit()],
    ['checkpoint', (db) => db.checkpoint('c')],
    ['dropCheckpoint', (db) => db.dropCheckpoint('c')],
    ['outcome with close', (db) => db.outcome('new', { close: true })],
    ['flush', (db) => db.flush()],
    ['a namespace', (db) => db.namespace('n').set('a', 2)],
  ];
  const reads: [string, (db: Database) => unknown][] = [
    ['get', (db) => db.get('a')],
    ['getMany', (db) => db.getMany(['a'])],
    ['has', (db) => db.has('a')],
    ['list', (db) => collect(db.list())],
    ['keys', (db) => collect(db.keys())],
    ['count', (db) => db.count()],
    ['a transaction that reads', (db) => db.transact((tx) => tx.get('a'))],
    ['outcome', (db) => db.outcome('known')],
    ['snapshot', (db) => db.snapshot()],
    ['an older snapshot', (db) => db.snapshot({ at: 2 })],
    ['checkpoints', (db) => db.checkpoints()],
    ['verify', (db) => db.verify()],
    ['log', (db) => collect(db.log())],
    ['watch', (db) => collect(db.watch({}, { signal: AbortSignal.abort() }))],
    ['a namespace that reads', (db) => db.namespace('n').get('a')],
  ];

  test.each(writes)('read-only, it refuses %s', async (_, use) => {
    const before = contentsOf(store);
    const reader = await openTestDatabase(store, { readOnly: true });
    const error = await errorOf(() => use(reader));
    expect(error).toMatchObject({ code: 'READ_ONLY', message: expect.stringContaining('readOnly: true') });
    expect(contentsOf(store)).toEqual(before);
  });

  test.each(reads)('read-only, it allows %s', async (_, use) => {
    const before = contentsOf(store);
    await use(await openTestDatabase(store, { readOnly: true }));
    expect(contentsOf(store)).toEqual(before);
  });

  test.each([...writes, ...reads])('closed, it refuses %s', async (_, use) => {
    const before = contentsOf(store);
    const closed = await openTestDatabase(store);
    await closed.close();
    const error = await errorOf(() => use(closed));
    expect(error).toMatchObject({ code: 'CLOSED', message: expect.stringContaining('open it again') });
    expect(contentsOf(store)).toEqual(before);
  });

  test('closing twice is no mistake', async () => {
    const closed = await openTestDatabase(store);
    await Promise.all([closed.close(), closed.close()]);
    await closed.close();
  });
});

describe('open', () => {
  const bad: [string, Parameters<typeof open>[0], object, string, ...(string | RegExp)[]][] = [
    ['no location', any(undefined), {}, 'TypeError', 'expected one of memory:', 'found undefined'],
    ['a number', any(7), {}, 'TypeError', 'expected one of memory:'],
    ['an object that is no store', any({}), {}, 'TypeError', 'ObjectStore'],
    ['a path', './state', {}, 'TypeError', 'expected one of memory:', 'file:./state'],
    ['an unknown scheme', 'ftp://host/dir', {}, 'TypeError', 'file:./dir', 'found ftp:'],
    ['an empty location', '', {}, 'TypeError', 'expected one of memory:'],
    ['a file: without a folder', 'file:', {}, 'TypeError', 'file:./dir', 'found file:'],
    ['a file: with a host', 'file://host/dir', {}, 'TypeError', 'no host', 'found something'],
    ['a file: with bad escapes', 'file:///%zz', {}, 'TypeError', 'percent'],
    ['an s3: without a bucket', 's3:///prefix', {}, 'TypeError', 'bucket is missing', 's3://bucket/prefix'],
    [
      'an s3: with credentials',
      's3://id:secret@bucket/p',
      {},
      'TypeError',
      'must not hold credentials',
      'options.credentials',
    ],
    [
      'an s3: with an unknown parameter',
      's3://bucket?regio=x',
      {},
      'TypeError',
      'unknown parameter regio',
      'region',
    ],
    ['a minio: without a bucket', 'minio://127.0.0.1:9000', {}, 'TypeError', 'bucket'],
    [
      'a minio: with credentials',
      'minio://id:secret@127.0.0.1/b',
      {},
      'TypeError',
      'must not hold credentials',
    ],
    ['an oss: without a bucket', 'oss:///p?region=x', {}, 'TypeError', 'bucket'],
    ['no options', 'memory:', any(undefined), 'TypeError', 'options with a key', 'found undefined'],
    ['no key', 'memory:', { key: undefined }, 'TypeError', "'plaintext'", 'found nothing'],
    ['a null key', 'memory:', { key: null }, 'TypeError', 'key: expected 32 bytes'],
    ['a key of 31 bytes', 'memory:', { key: new Uint8Array(31) }, 'TypeError', '32 bytes', 'found 31 bytes'],
    [
      'a key in hex of 62 digits',
      'memory:',
      { key: '07'.repeat(31) },
      'TypeError',
      '64 hex',
      '62 characters',
    ],
    ['a key in what is no hex', 'memory:', { key: 'xy'.repeat(32) }, 'TypeError', '64 hex digits'],
    ['an id of 15 bytes', 'memory:', { id: new Uint8Array(15) }, 'TypeError', '16 bytes', 'found 15 bytes'],
    ['an id in half its hex digits', 'memory:', { id: '07'.repeat(8) }, 'TypeError', '32 hex digits'],
    ['an id that is a number', 'memory:', { id: 7 }, 'TypeError', 'found number'],
    ['a misspelt option', 'memory:', { readonly: true }, 'TypeError', '"readonly"', '"readOnly"'],
    [
      'an option of no database',
      'memory:',
      { flavour: 1 },
      'TypeError',
      'unknown option "flavour"',
      'cacheBytes',
    ],
    ['a create of text', 'memory:', { create: 'no' }, 'TypeError', 'create: expected a boolean'],
    ['a signal that is none', 'memory:', { signal: new AbortController() }, 'TypeError', 'an AbortSignal'],
    ['a listener that is none', 'memory:', { onEvent: {} }, 'TypeError', 'onEvent: expected a function'],
    ['half a key provider', 'memory:', { key: { wrap: () => {} } }, 'TypeError', '{ wrap, unwrap }'],
    ['a negative cache', 'memory:', { cacheBytes: -1 }, 'RangeError', 'cacheBytes', 'found -1'],
    ['a cache of half a byte', 'memory:', { cacheBytes: 0.5 }, 'RangeError', 'found 0.5'],
    ['a cache of NaN', 'memory:', { cacheBytes: Number.NaN }, 'RangeError', 'found NaN'],
    ['a grace period of text', 'memory:', { graceMs: '1d' }, 'RangeError', 'graceMs', 'found 1d'],
    ['a negative time-out', 'memory:', { commitTimeoutMs: -1 }, 'RangeError', 'commitTimeoutMs'],
    ['an unknown probe', 'memory:', { probe: 'maybe' }, 'TypeError', "'auto'", '"maybe"'],
    ['an unknown maintenance', 'memory:', { maintenance: 'never' }, 'TypeError', "'manual'", '"never"'],
  ];

  test.each(bad)('with %s is refused', async (_, location, options, answer, ...says) => {
    const all = options && { key: TEST_KEY, ...options };
    const error = await errorOf(() => open(location, all));
    expect(error.code ?? error.name, error.message).toBe(answer);
    for (const words of says) expect(error.message).toMatch(words);
    expect(error.message).not.toContain('secret');
  });

  test.each(bad.filter(([, location]) => location === 'memory:'))(
    'of an existing database with %s changes nothing',
    async (_, _location, options) => {
      const before = contentsOf(store);
      await errorOf(() => open(store, options && ({ key: TEST_KEY, ...options } as never)));
      expect(contentsOf(store)).toEqual(before);
    },
  );
});
