/**
 * Any number of entries as one transaction: they go to the store as they come, and one commit makes all of them visible
 * or none, whoever fails and whoever commits meanwhile.
 */
import type { Database, LoadEntry, OpenOptions } from '@holdfast/mvcc';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, RecordingStore } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase } from './support/database.js';

let memory: MemoryStore;
let store: FaultyStore;
let db: Database;
const openAgain = (options: Partial<OpenOptions> = {}): Promise<Database> =>
  openTestDatabase(store, { maintenance: 'manual', ...options });

beforeEach(async () => {
  memory = new MemoryStore();
  store = new FaultyStore(memory);
  db = await openAgain();
});

const numbered = (count: number, from = 0): [string, number][] =>
  Array.from({ length: count }, (_, i) => [`k${from + i}`, from + i]);

const segmentNames = (): string[] => [...memory.objects().keys()].filter((name) => name.startsWith('seg/'));

/** A store in memory answers without a turn of the event loop; whoever asks it all the time lets others have theirs. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A source that says how far it was read, and whether it was told that no more is wanted. */
function watched(
  entries: Iterable<LoadEntry>,
  then: () => void = () => {},
): Iterable<LoadEntry> & { given: number; stopped: boolean } {
  const source = {
    given: 0,
    stopped: false,
    *[Symbol.iterator]() {
      try {
        for (const entry of entries) {
          source.given++;
          yield entry;
        }
        then();
      } finally {
        source.stopped = true;
      }
    },
  };
  return source;
}

describe('what was loaded is there,', () => {
  const entries = numbered(500);
  test.each([
    ['an array', () => entries],
    ['a Map', () => new Map(entries)],
    ['a generator', () => entries.values()],
    [
      'an async generator',
      async function* () {
        yield* entries;
      },
    ],
    ['a web stream', () => ReadableStream.from(entries)],
    ['an array in no order', () => entries.toReversed()],
  ])('given as %s', async (_, source) => {
    const result = await db.load(source());
    expect(result).toEqual({ entries: 500, refused: 0, version: db.version });
    for (const reader of [db, await openAgain()]) {
      expect(await reader.count()).toBe(500);
      expect(await reader.getEntry('k123')).toMatchObject({ value: 123, version: result.version });
    }
    expect(await db.verify({ deep: true })).toMatchObject({ ok: true, problems: [], unreferenced: 0 });
  });

  test('values of every size and kind', async () => {
    const values = [null, 'text', 5n, new Map([[1, new Date(5)]]), new Uint8Array(3), { a: [undefined] }];
    const sizes = [0, 65_535, 65_536, 200_000, 16 * 1024 * 1024 - 1];
    const large = sizes.map((size) => new Uint8Array(size).fill(size));
    await db.load([...values, ...large].map((value, i) => [[i], value]));
    expect(await db.getMany(values.map((_, i) => [i]))).toEqual(values);
    for (const [i, bytes] of large.entries()) {
      const found = (await db.get<Uint8Array>([values.length + i]))!;
      expect(Buffer.compare(found, bytes)).toBe(0);
    }
  });

  test('over what was there before, and under what is written later', async () => {
    await db.set('k1', 'before');
    await db.set('other', 'before');
    await db.flush();
    await db.set('k2', 'before');
    await db.load(numbered(10));
    await db.set('k3', 'after');
    await db.delete('k4');
    const expected = [1, 2, 'after', undefined, 'before'];
    expect(await db.getMany(['k1', 'k2', 'k3', 'k4', 'other'])).toEqual(expected);
    await db.flush();
    expect(await (await openAgain()).getMany(['k1', 'k2', 'k3', 'k4', 'other'])).toEqual(expected);
  });

  test('of one key what was given last', async () => {
    expect((await db.load([...numbered(100), ['k7', 'x'], ...numbered(5), ['k7', 'last']])).entries).toBe(
      107,
    );
    expect(await db.get('k7')).toBe('last');
    expect(await db.count()).toBe(100);
  });

  test('until it expires, each by its own time', async () => {
    await db.load([
      ['stays', 1],
      ['gone', 1, { expireAt: 1 }],
      ['goes', 1, { expireInMs: 3_600_000 }],
    ]);
    expect(await db.get('gone')).toBeUndefined();
    expect((await db.getEntry('stays'))?.expiresAt).toBeUndefined();
    expect((await db.getEntry('goes'))?.expiresAt).toBeInstanceOf(Date);
  });

  test('and watched, entry by entry', async () => {
    const stop = new AbortController();
    const watch = db.watch({}, { from: db.version, signal: stop.signal });
    await db.load(numbered(3));
    const seen: unknown[] = [];
    for await (const { key, value } of watch) if (seen.push([key[0], value]) === 3) break;
    expect(seen).toEqual(numbered(3));
  });
});

test('nothing to load changes nothing', async () => {
  const { version } = db;
  expect(await db.load([])).toEqual({ entries: 0, refused: 0, version });
  expect(segmentNames()).toEqual([]);
});

describe('a call that is none is refused before anything is read:', () => {
  test.each([
    [undefined, /found undefined/],
    [5, /found number/],
    ['text', /found string/],
    [new Uint8Array(2), /found bytes/],
    [{}, /found object/],
  ])('%j', async (source, message) => {
    await expect(db.load(source as never)).rejects.toThrow(TypeError);
    await expect(db.load(source as never)).rejects.toThrow(message);
  });

  test('an option that nobody knows', async () => {
    const source = watched(numbered(1));
    await expect(db.load(source, { onProgres: () => {} } as object)).rejects.toThrow(/onProgress/);
    await expect(db.load(source, { onProgress: 5 as never })).rejects.toThrow(/expected a function/);
    expect(source.given).toBe(0);
  });

  test('a database that is read only, or closed', async () => {
    const source = watched(numbered(1));
    await expectCode((await openAgain({ readOnly: true })).load(source), 'READ_ONLY');
    await db.close();
    await expectCode(db.load(source), 'CLOSED');
    expect(source.given).toBe(0);
  });
});

describe('a row that is none ends it, and changes nothing:', () => {
  test.each([
    ['no array', 'text', TypeError, /expected \[key, value\], found string/],
    ['no value', ['key'], TypeError, /found an array of 1/],
    ['undefined', ['key', undefined], TypeError, /value is undefined/],
    ['a function', ['key', () => {}], TypeError, /function/],
    ['no key', [{}, 1], TypeError, /expected a key/],
    ['an option that nobody knows', ['key', 1, { expire: 5 }], TypeError, /unknown option/],
    ['an expiry that is none', ['key', 1, { expireInMs: -1 }], RangeError, /expireInMs/],
    ['a key that is too long', ['x'.repeat(9000), 1], Error, /at most 8192/],
    ['a value that is too large', ['key', new Uint8Array(16 * 1024 * 1024)], Error, /at most 16777216/],
  ])('%s', async (_, row, kind, message) => {
    const { version } = db;
    const source = watched([...numbered(9), row as never, ...numbered(9)]);
    const error: unknown = await db.load(source).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^load: row 10: .* Nothing was changed\.$/);
    expect(source).toMatchObject({ given: 10, stopped: true });
    expect(db.version).toBe(version);
  });

  test('or is told, and left out', async () => {
    const refused: unknown[] = [];
    const onRefused = (row: number, error: Error): unknown => refused.push([row, error.constructor]);
    const result = await db.load([['a', 1], 'none' as never, ['b', undefined], ['c', 3]], { onRefused });
    expect(result).toMatchObject({ entries: 2, refused: 2 });
    expect(refused).toEqual([
      [2, TypeError],
      [3, TypeError],
    ]);
    expect(await collect(db.keys())).toEqual([['a'], ['c']]);
  });
});

describe('whoever ends it, nothing is changed, and the source hears of it:', () => {
  let version: number;
  beforeEach(() => {
    ({ version } = db);
  });

  test('the source itself, with its own error', async () => {
    const source = watched(numbered(5), () => {
      throw new RangeError('its own');
    });
    await expect(db.load(source)).rejects.toThrow(new RangeError('its own'));
    expect(db.version).toBe(version);
  });

  test('a progress listener that throws', async () => {
    const onProgress = (): void => {
      throw new Error('listener');
    };
    await expect(db.load(numbered(5), { onProgress })).rejects.toThrow('listener');
    expect(db.version).toBe(version);
  });

  test('the caller, also while the source has nothing to give', async () => {
    const stop = new AbortController();
    let returned = false;
    const hanging = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const loading = db.load(hanging, { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(new Error('given up'));
    await expect(loading).rejects.toThrow('given up');
    expect(returned).toBe(true);
    expect(db.version).toBe(version);
  });

  test('the caller, while the source gives without end and takes no turn of the event loop', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('given up')), 30);
    const endless = function* (): Generator<LoadEntry> {
      for (let i = 0; ; i++) yield [[i], 'x'];
    };
    await expect(db.load(endless(), { signal: stop.signal })).rejects.toThrow('given up');
    expect(db.version).toBe(version);
  });

  test('the store', async () => {
    store.failBefore('put', { error: new StoreError('DENIED', 'no') });
    await expectCode(db.load(numbered(5)), 'STORE_REFUSED');
    expect(await (await openAgain()).count()).toBe(0);
  });

  test('the end of the database, when it has had its time', async () => {
    const short = await openAgain({ commitTimeoutMs: 20 });
    const slow = async function* (): AsyncGenerator<LoadEntry> {
      for (let i = 0; ; i++) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        yield [[i], i];
      }
    };
    const loading = short.load(slow());
    const closing = short.close();
    await expectCode(loading, 'CLOSED');
    await closing;
    expect(await (await openAgain()).count()).toBe(0);
  });
});

describe('a repeated request', () => {
  test('is answered by what the first one came to, and its source is not read', async () => {
    const first = await db.load(numbered(5), { requestId: 'once' });
    await db.set('k1', 'later');
    for (const handle of [db, await openAgain()]) {
      const again = watched(numbered(50));
      expect(await handle.load(again, { requestId: 'once' })).toEqual(first);
      expect(again.given).toBe(0);
    }
    expect(await db.get('k1')).toBe('later');
    expect(await db.outcome('once')).toMatchObject({
      status: 'committed',
      version: first.version,
      result: { entries: 5, refused: 0 },
    });
  });

  test('is another one where the id was used for something else', async () => {
    await db.set('a', 1, { requestId: 'id' });
    await expectCode(db.load(numbered(1), { requestId: 'id' }), 'REQUEST_MISMATCH');
  });

  test('of nothing is remembered too', async () => {
    await db.load([], { requestId: 'none' });
    const again = watched(numbered(5));
    expect((await db.load(again, { requestId: 'none' })).entries).toBe(0);
    expect(again.given).toBe(0);
  });

  test('acts once where both are under way at the same time', async () => {
    const other = await openAgain();
    const results = await Promise.all(
      [db, other].map((handle, i) => handle.load([['who', i], ...numbered(50)], { requestId: 'once' })),
    );
    expect(results[0]).toEqual(results[1]);
    expect(await db.verify()).toMatchObject({ problems: [] });
    const versions = await collect(db.list({ prefix: [] }));
    expect(new Set(versions.map(({ version }) => version))).toEqual(new Set([results[0]!.version]));
  });
});

describe('among others', () => {
  test('who has read what is loaded meanwhile runs again', async () => {
    let runs = 0;
    let loaded = (): void => {};
    const untilLoaded = new Promise<void>((resolve) => {
      loaded = resolve;
    });
    const transacting = db.transact(async (tx) => {
      runs++;
      const found = await tx.get('k3');
      if (runs === 1) await untilLoaded;
      tx.set('seen', found);
    });
    await db.load(numbered(10));
    loaded();
    await transacting;
    expect(runs).toBe(2);
    expect(await db.get('seen')).toBe(3);
  });

  test('who reads what is loaded in the same record comes before it, or after its record', async () => {
    const { version: from } = await db.set('k3', 0);
    await Promise.all([
      db.load(numbered(10)),
      ...Array.from({ length: 20 }, (_, i) =>
        db.transact(async (tx) => tx.set(['saw', i], (await tx.get('k3')) ?? null)),
      ),
      ...Array.from({ length: 20 }, () => db.add('k3', 100)),
    ]);
    // Every one of them saw the counter as it was at its place in the history.
    const stop = new AbortController();
    let k3: unknown = 0;
    let seen = 0;
    for await (const change of db.watch({}, { from, signal: stop.signal })) {
      if (change.key[0] === 'k3') k3 = change.value;
      if (change.key[0] === 'saw') expect(change.value).toBe(k3);
      if (++seen === 50) break;
    }
    expect(await db.get('k3')).toBe(k3);
  });

  test('several loads of one process, and a large transaction beside them, all take effect', async () => {
    const large = (tx: { set(key: unknown[], value: unknown): void }): void => {
      for (let i = 0; i < 3; i++) tx.set(['large', i], new Uint8Array(400_000));
    };
    await Promise.all([
      db.load(numbered(50)),
      db.load(numbered(50, 100)),
      db.transact(large as never),
      db.load(numbered(50, 200)),
    ]);
    expect(await db.count()).toBe(153);
    expect(await db.verify({ deep: true })).toMatchObject({ problems: [], unreferenced: 0 });
  });

  test('writers of other processes, who commit all the time, do not keep it from its place', async () => {
    const others = await Promise.all([openAgain(), openAgain()]);
    let loaded = false;
    const counting = others.map(async (other) => {
      let counted = 0;
      for (; !loaded; counted++, await turn())
        await other.transact(async (tx) => tx.set('n', ((await tx.get<number>('n')) ?? 0) + 1));
      return counted;
    });
    for (let i = 0; i < 5; i++) await db.load(numbered(20, 20 * i));
    loaded = true;
    const total = (await Promise.all(counting)).reduce((sum, one) => sum + one, 0);
    expect(await db.get('n')).toBe(total);
    expect(await db.count()).toBe(101);
  });

  test('a reader sees all of it or nothing', async () => {
    const reader = await openAgain();
    let loaded = false;
    const reading = (async () => {
      const counts = new Set<number>();
      for (; !loaded; await turn()) counts.add(await reader.count());
      return counts;
    })();
    await db.load(numbered(300));
    await db.load(numbered(300, 300));
    loaded = true;
    for (const count of await reading) expect([0, 300, 600]).toContain(count);
  });
});

describe('in a namespace', () => {
  const schema = {
    '~standard': {
      version: 1 as const,
      validate: async (value: unknown) =>
        typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'no number' }] },
    },
  };
  test('keys and values are its own, and a row that does not fit is named', async () => {
    const users = db.namespace<number>('users', { value: schema });
    await users.load(numbered(10));
    expect(await db.get(['users', 'k3'])).toBe(6);
    await expect(
      users.load([
        ['a', 1],
        ['b', 'x' as never],
      ]),
    ).rejects.toThrow(/load: row 2: .*no number/);
    expect(await users.count()).toBe(10);
    const refused: number[] = [];
    const onRefused = (row: number): unknown => refused.push(row);
    await users.load(
      [
        ['a', 1],
        [[], 1],
        ['b', 'x' as never],
        ['c', 3],
      ],
      { onRefused },
    );
    expect(refused).toEqual([2, 3]);
    expect(await users.count()).toBe(12);
  });
});

test('it takes what the segments take, one record, and the look for the tip', async () => {
  const recording = new RecordingStore(memory);
  const handle = await openTestDatabase(recording, { maintenance: 'manual' });
  const before = recording.calls.length;
  await handle.load(numbered(1000));
  const calls = recording.calls.slice(before).map(({ kind, key }) => `${kind} ${key.slice(0, 4)}`);
  expect(calls).toEqual(['get log/', 'put seg/', 'put log/']);
});

test('loads and single writes come to what a Map comes to', async () => {
  const entry = fc.tuple(
    fc.integer({ min: 0, max: 30 }).map((n) => `k${n}`),
    fc.integer(),
  );
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ load: fc.array(entry, { maxLength: 20 }) }) },
    { weight: 3, arbitrary: fc.record({ set: entry }) },
    { weight: 1, arbitrary: fc.record({ delete: entry }) },
    { weight: 1, arbitrary: fc.record({ flush: fc.constant(true) }) },
    { weight: 1, arbitrary: fc.record({ reopen: fc.constant(true) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const place = new MemoryStore();
      let handle = await openTestDatabase(place, { maintenance: 'manual' });
      const model = new Map<string, number>();
      for (const one of steps) {
        if ('load' in one) {
          await handle.load(one.load);
          for (const [key, value] of one.load) model.set(key, value);
        } else if ('set' in one) {
          await handle.set(...one.set);
          model.set(...one.set);
        } else if ('delete' in one) {
          await handle.delete(one.delete[0]);
          model.delete(one.delete[0]);
        } else if ('flush' in one) await handle.flush();
        else handle = await openTestDatabase(place, { maintenance: 'manual' });
      }
      const found = (await collect(handle.list())).map(({ key, value }) => [key[0], value]);
      expect(new Map(found as [string, number][])).toEqual(model);
      expect(await handle.verify({ deep: true })).toMatchObject({ problems: [], unreferenced: 0 });
    }),
    { numRuns: 60 },
  );
});

test('a listener that returns a promise is refused: what it rejects with would be nobody’s', async () => {
  const late = async (): Promise<void> => {
    throw new Error('too late');
  };
  for (const [name, entries] of [
    ['onProgress', [['a', 1]]],
    [
      'onRefused',
      [
        ['a', 1],
        ['b', () => 1],
      ],
    ],
  ] as const)
    await expect(db.load(entries as never, { [name]: late })).rejects.toThrow(
      new RegExp(`${name}: expected a function that returns nothing, found one that returns a promise`),
    );
  expect(await db.count()).toBe(0);
});
