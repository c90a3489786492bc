import { describe, expect, test } from 'vitest';
import { ConformanceError, conformance, runConformance } from './conformance.js';
import { StoreError } from './errors.js';
import { MemoryStore } from './memory-store.js';
import type { ObjectStore, PutOptions } from './object-store.js';
import { probe } from './probe.js';
import { isProbeObject } from './probe-objects.js';
import { unsafeInWords } from './probe-report.js';
import { FaultyStore, ManualClock, RecordingStore, seededRandom } from './testing.js';

/** A store in which one promise is broken. */
function broken(inner: ObjectStore, change: Partial<ObjectStore>): ObjectStore {
  return {
    capabilities: inner.capabilities,
    get: (key, o) => inner.get(key, o),
    put: (key, bytes, o) => inner.put(key, bytes, o),
    delete: (keys, o) => inner.delete(keys, o),
    list: (prefix, o) => inner.list(prefix, o),
    ...change,
  };
}

/** Looks first and writes later: right alone, wrong in a race. */
function checkThenWrite(inner: ObjectStore): ObjectStore['put'] {
  return async (key, bytes, o = {}) => {
    const found = await inner.get(key);
    if ((o.ifAbsent && found) || (o.ifMatch !== undefined && found?.etag !== o.ifMatch))
      return { occupied: true };
    await new Promise((resolve) => setImmediate(resolve));
    return inner.put(key, bytes);
  };
}

function refusedListing(words: string): ObjectStore['list'] {
  const error = new StoreError('INVALID', words);
  return (prefix) => new FaultyStore(new MemoryStore()).failBefore('list', { error }).list(prefix);
}

const unsafe: Record<string, (inner: MemoryStore) => ObjectStore> = {
  'ignores ifAbsent': (inner) =>
    broken(inner, { put: (key, bytes, o) => inner.put(key, bytes, { ...o, ifAbsent: undefined }) }),
  'answers occupied but writes': (inner) =>
    broken(inner, {
      put: async (key, bytes, o) => {
        const result = await inner.put(key, bytes, o);
        if (result.occupied) await inner.put(key, bytes);
        return result;
      },
    }),
  'looks first and writes later': (inner) => broken(inner, { put: checkThenWrite(inner) }),
  'ignores ifMatch': (inner) =>
    broken(inner, { put: (key, bytes, o) => inner.put(key, bytes, { ...o, ifMatch: undefined }) }),
  'lets a swap make a missing object': (inner) =>
    broken(inner, {
      put: async (key, bytes, o: PutOptions = {}) =>
        o.ifMatch !== undefined && !(await inner.get(key)) ? inner.put(key, bytes) : inner.put(key, bytes, o),
    }),
  'refuses conditions': (inner) =>
    broken(inner, {
      put: async (key, bytes, o = {}) => {
        if (o.ifAbsent) throw new StoreError('INVALID', '501 NotImplemented');
        return inner.put(key, bytes, o);
      },
    }),
  'reads the wrong range': (inner) =>
    broken(inner, { get: async (key, o) => inner.get(key, { ...o, range: undefined }) }),
  'lists late': (inner) =>
    broken(inner, { list: (prefix, o = {}) => inner.list(prefix, { ...o, limit: 1 }) }),
  'reads old bytes': (inner) => {
    const first = new Map<string, Uint8Array>();
    return broken(inner, {
      get: async (key, o) => {
        const found = await inner.get(key, o);
        if (!found || o?.range) return found;
        if (!first.has(key)) first.set(key, found.bytes);
        return { ...found, bytes: first.get(key)! };
      },
    });
  },
};

describe('probe', () => {
  test('finds a good store safe, and leaves nothing behind', async () => {
    const store = new MemoryStore();
    const report = await probe(store, { random: seededRandom(1), prefix: 'db/' });
    expect(report.checks.filter((check) => !check.ok)).toEqual([]);
    expect(report.safe).toBe(true);
    expect(store.objects().size).toBe(0);
  });

  test('writes under its prefix only, and costs a stated number of requests', async () => {
    const recording = new RecordingStore(new MemoryStore());
    await probe(recording, { prefix: 'db/' });
    const own = recording.calls.filter((call) => call.kind !== 'list');
    expect(own.every((call) => isProbeObject(call.key.slice('db/'.length)))).toBe(true);
    expect(recording.calls.every((call) => call.key.startsWith('db/probe/'))).toBe(true);
    expect(recording.calls.length).toBeLessThan(45);
  });

  for (const [name, make] of Object.entries(unsafe)) {
    test(`finds a store unsafe that ${name}`, async () => {
      const inner = new MemoryStore();
      const report = await probe(make(inner));
      expect(report.safe).toBe(false);
      expect(report.checks.some((check) => !check.ok && check.expected !== check.found)).toBe(true);
      expect(inner.objects().size).toBe(0);
    });
  }

  test('finds a store unsafe that says itself that it has no conditional creates', async () => {
    const inner = new MemoryStore();
    const store = broken(inner, { capabilities: { ...inner.capabilities, putIfAbsent: false } });
    expect((await probe(store)).safe).toBe(false);
  });

  test('does not ask for swaps where the adapter claims none', async () => {
    const recording = new RecordingStore(new MemoryStore());
    const store = broken(recording, {
      capabilities: { putIfAbsent: true, putIfMatch: false, orderedList: false },
    });
    expect((await probe(store)).safe).toBe(true);
    expect(recording.calls.some((call) => call.key.endsWith('/swap'))).toBe(false);
  });

  test('does not ask for swaps where the caller needs none', async () => {
    const store = unsafe['ignores ifMatch']!(new MemoryStore());
    expect((await probe(store)).safe).toBe(false);
    expect((await probe(store, { swaps: false })).safe).toBe(true);
  });

  test('lost answers and short failures are looked into, and prove nothing', async () => {
    for (let seed = 0; seed < 25; seed++) {
      const clock = new ManualClock();
      const random = seededRandom(seed);
      const inner = new MemoryStore();
      const faulty = new FaultyStore(inner, { clock });
      const when = (): boolean => random(1)[0]! < 60;
      faulty.loseResponseAfter('put', { times: 6, when }).failBefore('put', { times: 2, when });
      const report = await clock.runUntil(probe(faulty, { clock, random: seededRandom(seed) }));
      expect(
        report.checks.filter((check) => !check.ok),
        `seed ${seed}`,
      ).toEqual([]);
      expect(inner.objects().size).toBe(0);
    }
  });

  test('a store behind something that sends a put twice and hands on the second answer is safe', async () => {
    const memory = new MemoryStore();
    const twice = broken(memory, {
      put: async (key, bytes, o) => {
        const first = await memory.put(key, bytes, o);
        return o?.ifMatch === undefined ? memory.put(key, bytes, o) : first;
      },
    });
    expect(await probe(twice)).toMatchObject({ safe: true });
  });

  test('a race of which no put arrives says nothing of the store', async () => {
    const memory = new MemoryStore();
    const lossy = broken(memory, {
      put: async (key, bytes, o) => {
        if (key.endsWith('/race')) throw new StoreError('UNKNOWN_OUTCOME', 'lost on its way');
        return memory.put(key, bytes, o);
      },
    });
    await expect(probe(lossy)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a lost put that arrives after the one that overwrote it does not make a store unsafe', async () => {
    const memory = new MemoryStore();
    let puts = 0;
    const late = broken(memory, {
      put: async (key, bytes, o) => {
        const result = await memory.put(key, bytes, o);
        puts++;
        if (puts === 1) first = { key, bytes };
        // Something on the way had kept a copy.
        if (puts === 2) await memory.put(first.key, first.bytes);
        return result;
      },
    });
    let first = { key: '', bytes: new Uint8Array(0) };
    expect(await probe(late)).toMatchObject({ safe: true });
  });

  test('throws when the store cannot be reached, and cleans up', async () => {
    for (const kind of ['get', 'put', 'list'] as const) {
      const clock = new ManualClock();
      const inner = new MemoryStore();
      let calls = 0;
      const faulty = new FaultyStore(inner, { clock });
      faulty.failBefore(kind, { times: Number.POSITIVE_INFINITY, when: () => kind !== 'put' || ++calls > 3 });
      await expect(clock.runUntil(probe(faulty, { clock }))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(inner.objects().size).toBe(0);
    }
    const denied = new FaultyStore(new MemoryStore()).failBefore('put', {
      error: new StoreError('DENIED', 'no'),
    });
    await expect(probe(denied)).rejects.toMatchObject({ code: 'DENIED' });
    const noBucket = new FaultyStore(new MemoryStore()).failBefore('put', {
      error: new StoreError('INVALID', 'no'),
    });
    await expect(probe(noBucket)).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('ends with the reason when aborted', async () => {
    const aborting = new AbortController();
    const faulty = new FaultyStore(new MemoryStore()).hang('put', { when: (key) => key.endsWith('/race') });
    const outcome = expect(probe(faulty, { signal: aborting.signal })).rejects.toThrow('enough');
    await new Promise((resolve) => setImmediate(resolve));
    aborting.abort(new Error('enough'));
    await outcome;
  });

  const wrongListings: Record<string, ObjectStore['list']> = {
    'shows nothing': async function* () {},
    'gives names as they are encoded': async function* (prefix) {
      for (const name of ['a%20b', 'c%2Fd']) yield { key: `${prefix}${name}`, size: 1 };
    },
    'gives names of elsewhere': async function* () {
      yield { key: 'login.html', size: 1 };
    },
    'is no listing': refusedListing('expected a ListBucketResult, found another document'),
    'does not end': async function* (prefix, { limit = Number.POSITIVE_INFINITY } = {}) {
      for (let i = 0; i < limit; i++) yield { key: `${prefix}${String(i).padStart(9, '0')}`, size: 1 };
    },
  };
  for (const [name, list] of Object.entries(wrongListings)) {
    test(`a listing that ${name} is a fault of the listing, not of conditional writes`, async () => {
      const inner = new MemoryStore();
      const report = await probe(broken(inner, { list }));
      expect(report.checks.filter((check) => !check.ok).map((check) => check.kind)).toEqual(['listing']);
      const words = unsafeInWords(report)!;
      expect(words).toContain('listing is wrong');
      expect(words).toContain('Conditional writes are honoured');
      expect(words).not.toContain('Two writers');
      expect(words.length).toBeLessThan(1_000);
      expect(inner.objects().size).toBe(0);
    });
  }

  test('what is unsafe is said as what it is', async () => {
    const said = async (name: string) => unsafeInWords(await probe(unsafe[name]!(new MemoryStore())));
    expect(await said('ignores ifAbsent')).toContain('Two writers could both be told that they won');
    expect(await said('reads old bytes')).toContain('does not read back what was written');
    expect(await said('reads the wrong range')).not.toContain('Two writers');
    expect(unsafeInWords(await probe(new MemoryStore()))).toBeUndefined();
  });

  test('what a store says is cut short, and acts on no terminal', async () => {
    const noisy = broken(new MemoryStore(), { list: refusedListing(`\u001b[2J${'x'.repeat(10_000)}`) });
    const found = (await probe(noisy)).checks.find((check) => !check.ok)!.found;
    expect(found.length).toBeLessThan(600);
    expect(found).not.toContain('\u001b');
  });

  test('an object that grows without end is read as that', async () => {
    const memory = new MemoryStore();
    const endless = broken(memory, {
      get: async (key, o = {}) => {
        if (o.maxBytes === undefined) throw new Error('asked for without a bound');
        if (await memory.get(key, o)) throw new StoreError('TOO_LARGE', 'it goes on');
        return undefined;
      },
    });
    const report = await probe(endless);
    expect(report.checks.find((check) => !check.ok)).toMatchObject({
      kind: 'read',
      found: 'more than 1024 bytes',
    });
  });

  test('where deletes are refused the store is safe, and the report says what is left', async () => {
    const inner = new MemoryStore();
    const keeping = broken(inner, {
      delete: async () => {
        throw new StoreError('DENIED', '403 AccessDenied');
      },
    });
    const report = await probe(keeping, { prefix: 'db/' });
    expect(report.safe).toBe(true);
    const left = [...inner.objects().keys()];
    expect(report.leftover).toEqual({
      prefix: expect.stringMatching(/^db\/probe\/[0-9a-f]{32}\/$/),
      reason: '403 AccessDenied',
    });
    expect(left.length).toBeGreaterThan(3);
    expect(left.every((key) => key.startsWith(report.leftover!.prefix))).toBe(true);
    expect(left.every((key) => isProbeObject(key.slice('db/'.length)))).toBe(true);
  });

  test('a delete that hangs holds a probe up for a bounded time', async () => {
    const clock = new ManualClock();
    const faulty = new FaultyStore(new MemoryStore(), { clock }).hang('delete');
    const report = await clock.runUntil(probe(faulty, { clock }));
    expect(report.leftover?.reason).toContain('no answer within');
  });

  test('leftovers of a day ago are deleted; younger ones, those of the future and what is not ours are left', async () => {
    const clock = new ManualClock();
    const store = new MemoryStore();
    const at = (ms: number) =>
      `probe/${(clock.now() + ms).toString(16).padStart(12, '0')}${'a'.repeat(20)}/race`;
    const [old, young, future] = [at(-25 * 3_600_000), at(-23 * 3_600_000), at(3_600_000)];
    const foreign = ['probe/data.csv', old.replace('race', 'theirs'), 'probing/x'];
    for (const key of [old, young, future, ...foreign]) await store.put(key, Uint8Array.of(1));
    expect([old, young, future].every(isProbeObject)).toBe(true);
    expect(foreign.some(isProbeObject)).toBe(false);
    expect((await clock.runUntil(probe(store, { clock }))).safe).toBe(true);
    expect([...store.objects().keys()].sort()).toEqual([young, future, ...foreign].sort());
  });
});

describe('conformance', () => {
  /** Runs the one case that must fail. */
  async function expectFailing(name: string, make: (inner: MemoryStore) => ObjectStore): Promise<void> {
    const open = async () => ({ store: make(new MemoryStore()), cleanup: async () => {} });
    const found = conformance(open, { listedKeys: 1_005 }).filter((one) => one.name === name);
    expect(found).toHaveLength(1);
    await expect(found[0]!.run()).rejects.toSatisfy(
      (error) => error instanceof ConformanceError || error instanceof StoreError,
    );
  }

  const caught: [keyof typeof unsafe, string][] = [
    ['ignores ifAbsent', 'a create of an existing key answers occupied and changes nothing'],
    ['answers occupied but writes', 'a create of an existing key answers occupied and changes nothing'],
    ['looks first and writes later', 'of racing creates exactly one wins, and its bytes stay'],
    ['looks first and writes later', 'of racing swaps with one ETag exactly one wins'],
    ['ignores ifMatch', 'a swap with a stale ETag answers occupied and changes nothing'],
    ['lets a swap make a missing object', 'a swap of a missing object answers occupied and makes nothing'],
    ['reads the wrong range', 'ranges are cut to the object'],
    ['lists late', 'every put, create and delete that has returned is seen by the next listing'],
    ['reads old bytes', 'a deleted key can be created again'],
  ];
  for (const [name, caughtBy] of caught) {
    test(`${caughtBy}: not in a store that ${name}`, () => expectFailing(caughtBy, unsafe[name]!));
  }

  const wrong: Record<string, [caughtBy: string, change: (inner: MemoryStore) => Partial<ObjectStore>]> = {
    'ignores abort signals': [
      'a call whose signal is aborted already rejects with the reason and does nothing',
      (inner) => ({ get: (key, o) => inner.get(key, { ...o, signal: undefined }) }),
    ],
    'throws when a create is lost': [
      'of racing creates exactly one wins, and its bytes stay',
      (inner) => ({
        put: async (key, bytes, o) => {
          const result = await inner.put(key, bytes, o);
          if (result.occupied) throw new Error('412');
          return result;
        },
      }),
    ],
    'ends listings at a page': [
      'a listing longer than a page is whole',
      (inner) => ({
        list: (prefix, o = {}) => inner.list(prefix, { ...o, limit: Math.min(o.limit ?? 1_000, 1_000) }),
      }),
    ],
    'lists in reverse': [
      'keys come in the order of their UTF-8 bytes',
      (inner) => ({
        async *list(prefix, o = {}) {
          const objects = [];
          for await (const object of inner.list(prefix, o)) objects.push(object);
          yield* objects.reverse();
        },
      }),
    ],
    'takes a prefix for a folder': [
      'a prefix is the beginning of a key, not a folder',
      (inner) => ({
        list: (prefix, o) => inner.list(prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`, o),
      }),
    ],
    'lists from after on': [
      'after leaves out that key and all before it',
      (inner) => ({
        async *list(prefix, o = {}) {
          for await (const object of inner.list(prefix)) if (object.key >= (o.after ?? '')) yield object;
        },
      }),
    ],
    'takes all there is': [
      'a get takes no more than it is told',
      (inner) => ({ get: (key, o) => inner.get(key, { ...o, maxBytes: undefined }) }),
    ],
    'judges the bound by the object, not by the range': [
      'a get takes no more than it is told',
      (inner) => ({
        get: async (key, o) => {
          const found = await inner.get(key, { ...o, maxBytes: undefined });
          if (found && found.size > (o?.maxBytes ?? Infinity)) throw new StoreError('TOO_LARGE', 'too large');
          return found;
        },
      }),
    ],
    'hides what follows a name of others': [
      'names that others have made hide none of ours',
      (inner) => ({
        async *list(prefix, o) {
          for await (const object of inner.list(prefix, o)) {
            yield object;
            if (object.key.endsWith('/.DS_Store')) return;
          }
        },
      }),
    ],
    'resolves dots': [
      'a key with dots leads to no other object',
      (inner) => ({
        put: (key, bytes, o) => inner.put(new URL(key, 'http://store/').pathname.slice(1), bytes, o),
      }),
    ],
    'has no empty objects': [
      'an empty object is an object',
      (inner) => ({
        get: async (key, o) => {
          const found = await inner.get(key, o);
          return found?.size === 0 ? undefined : found;
        },
      }),
    ],
    'decodes keys': [
      'keys with awkward characters are kept as they are',
      (inner) => ({
        put: (key, bytes, o) => inner.put(key.replaceAll('+', ' '), bytes, o),
        get: (key, o) => inner.get(key.replaceAll('+', ' '), o),
      }),
    ],
    'fails on missing deletes': [
      'deletes take any number of keys, missing ones too',
      (inner) => ({
        delete: async (keys, o) => {
          for (const key of keys) if (!(await inner.get(key))) throw new StoreError('INVALID', 'no such key');
          await inner.delete(keys, o);
        },
      }),
    ],
    'tells the size of the range': [
      'ranges are cut to the object',
      (inner) => ({
        get: async (key, o) => {
          const found = await inner.get(key, o);
          return found && { ...found, size: found.bytes.length };
        },
      }),
    ],
  };
  for (const [name, [caughtBy, change]] of Object.entries(wrong)) {
    test(`${caughtBy}: not in a store that ${name}`, () =>
      expectFailing(caughtBy, (inner) => broken(inner, change(inner))));
  }

  test('passes a good store and names every case once', async () => {
    const report = await runConformance(async () => ({ store: new MemoryStore(), cleanup: async () => {} }));
    expect(report.cases.filter((one) => !one.ok)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(new Set(report.cases.map((one) => one.name)).size).toBe(report.cases.length);
  });
});
