import { describe, expect, test } from 'vitest';
import { StoreError } from './errors.js';
import { MemoryStore } from './memory-store.js';
import type { ListedObject, ObjectStore } from './object-store.js';
import { FaultyStore, ManualClock, RecordingStore, seededRandom } from './testing.js';
import { Traffic } from './traffic.js';
import { type RetryOptions, withRetry } from './with-retry.js';

const bytes = Uint8Array.of(1, 2, 3);
const create = { ifAbsent: true } as const;
const always = { times: Number.POSITIVE_INFINITY };

function setUp(options: RetryOptions = {}, memory: ObjectStore = new MemoryStore()) {
  const clock = new ManualClock();
  const faulty = new FaultyStore(memory, { clock });
  const recording = new RecordingStore(faulty);
  const store = withRetry(recording, { clock, random: seededRandom(1), ...options });
  const sent = (): number => recording.calls.length;
  return { clock, faulty, recording, store, sent, memory };
}

async function keys(list: AsyncIterable<ListedObject>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of list) found.push(key);
  return found;
}

describe('withRetry', () => {
  test('repeats reads and deletes that failed', async () => {
    const { clock, faulty, store, sent } = setUp();
    await store.put('key', bytes);
    faulty.failBefore('get', { times: 3 });
    expect((await clock.runUntil(store.get('key')))?.bytes).toEqual(bytes);
    faulty.loseResponseAfter('delete');
    await clock.runUntil(store.delete(['key']));
    expect(sent()).toBe(1 + 4 + 2);
    expect(await store.get('key')).toBeUndefined();
  });

  test('repeats an unconditional put, whatever became of the first', async () => {
    const { clock, faulty, store, sent } = setUp();
    faulty.failBefore('put').loseResponseAfter('put');
    await clock.runUntil(store.put('key', bytes));
    expect(sent()).toBe(3);
  });

  test('repeats a conditional put that never left', async () => {
    const { clock, faulty, store, sent } = setUp();
    faulty.failBefore('put', { times: 2 });
    expect(await clock.runUntil(store.put('key', bytes, create))).toHaveProperty('etag');
    expect(sent()).toBe(3);
  });

  test('never repeats a conditional put of unknown outcome', async () => {
    for (const condition of [create, { ifMatch: '"1"' }]) {
      const { faulty, store, sent } = setUp();
      await store.put('other', bytes);
      faulty.loseResponseAfter('put');
      await expect(store.put('key', bytes, condition)).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
      expect(sent()).toBe(2);
    }
  });

  test('a conditional put that is not answered in time has an unknown outcome', async () => {
    for (const effect of [true, false]) {
      const { clock, faulty, store, sent, memory } = setUp({ attemptMs: 100 });
      faulty.hang('put', { effect });
      const put = clock.runUntil(store.put('key', bytes, create));
      await expect(put).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
      expect(sent()).toBe(1);
      expect((await memory.get('key')) !== undefined).toBe(effect);
      expect(clock.monotonic()).toBe(100);
    }
  });

  test('once an outcome is unknown, no later failure makes it known', async () => {
    const { clock, faulty, store } = setUp();
    faulty.loseResponseAfter('put').failBefore('put', { error: new StoreError('DENIED', 'no') });
    await expect(clock.runUntil(store.put('key', bytes))).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
  });

  test('gives each read attempt its time, and repeats it', async () => {
    const { clock, faulty, store, sent } = setUp({ attemptMs: 100 });
    await store.put('key', bytes);
    faulty.hang('get', { times: 2 });
    expect((await clock.runUntil(store.get('key')))?.bytes).toEqual(bytes);
    expect(sent()).toBe(4);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(200);
  });

  test('ends at the total deadline', async () => {
    const { clock, faulty, store } = setUp({ attemptMs: 100, totalMs: 1_000, attemptsMax: 1_000 });
    faulty.hang('get', always);
    await expect(clock.runUntil(store.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(clock.monotonic()).toBeLessThanOrEqual(1_000);
    expect(clock.monotonic()).toBeGreaterThan(500);
    expect(clock.sleepers).toBe(0);
  });

  test('ends after the last attempt', async () => {
    const { clock, faulty, store, sent } = setUp({ attemptsMax: 3 });
    faulty.failBefore('get', always);
    await expect(clock.runUntil(store.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sent()).toBe(3);
  });

  test('does not repeat what is refused for good', async () => {
    for (const code of ['DENIED', 'INVALID', 'TOO_LARGE'] as const) {
      const { faulty, store, sent } = setUp();
      faulty.failBefore('get', { error: new StoreError(code, 'no') });
      await expect(store.get('key')).rejects.toMatchObject({ code });
      expect(sent()).toBe(1);
    }
  });

  test('waits as long as the store asks', async () => {
    const { clock, faulty, store } = setUp({ backoffMs: 10 });
    faulty.failBefore('get', { error: new StoreError('UNAVAILABLE', 'slow down', { retryAfterMs: 7_000 }) });
    await clock.runUntil(store.get('key'));
    expect(clock.monotonic()).toBeGreaterThanOrEqual(7_000);
    expect(clock.monotonic()).toBeLessThanOrEqual(7_010);
  });

  test('does not wait for what is past its deadline', async () => {
    const { clock, faulty, store, sent } = setUp({ totalMs: 5_000 });
    faulty.failBefore('get', { error: new StoreError('UNAVAILABLE', 'slow down', { retryAfterMs: 7_000 }) });
    await expect(store.get('key')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([sent(), clock.monotonic()]).toEqual([1, 0]);
  });

  test('a call ends with its own time, when that is shorter, and a longer one changes nothing', async () => {
    for (const [timeoutMs, endsAtMs] of [
      [700, 700],
      [5_000, 1_000],
    ] as const) {
      const { clock, faulty, store } = setUp({ attemptMs: 300, totalMs: 1_000, backoffMs: 0 });
      await store.put('key', bytes);
      faulty.hang('get', always).hang('list', always).hang('put', always);
      const calls: [Promise<unknown>, string][] = [
        [store.get('key', { timeoutMs }), 'UNAVAILABLE'],
        [keys(store.list('', { timeoutMs })), 'UNAVAILABLE'],
        [store.put('other', bytes, { timeoutMs }), 'UNKNOWN_OUTCOME'],
      ];
      const ends = calls.map(async ([call, code]) => {
        await expect(call).rejects.toMatchObject({ code });
        return clock.monotonic();
      });
      expect(await clock.runUntil(Promise.all(ends))).toEqual([endsAtMs, endsAtMs, endsAtMs]);
    }
  });

  test('each step of a listing has the whole time again', async () => {
    const { clock, faulty, store } = setUp();
    for (const name of ['a', 'b', 'c']) await store.put(name, bytes);
    const found: string[] = [];
    for await (const { key } of store.list('', { timeoutMs: 1_000 })) {
      found.push(key);
      await clock.advance(900);
    }
    expect(found).toEqual(['a', 'b', 'c']);
    expect(faulty.isUsedUp).toBe(true);
  });

  test('a call that has no time left is not sent', async () => {
    for (const timeoutMs of [0, -1, Number.NaN]) {
      const { store, sent } = setUp();
      await expect(store.put('key', bytes, { timeoutMs })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(sent()).toBe(0);
    }
  });

  test('a Retry-After never overrules the time of the call or the signal, nor is it a negative wait', async () => {
    const century = { retryAfterMs: Date.UTC(2099, 0) };
    const { clock, faulty, store, sent } = setUp();
    faulty.failBefore('put', { error: new StoreError('UNAVAILABLE', 'slow down', century), times: 2 });
    const put = store.put('key', bytes, { ifAbsent: true, timeoutMs: 1_000 });
    await expect(put).rejects.toMatchObject({ code: 'UNAVAILABLE', ...century });
    expect([sent(), clock.monotonic()]).toEqual([1, 0]);

    const patient = setUp({ totalMs: Number.POSITIVE_INFINITY });
    patient.faulty.failBefore('get', { error: new StoreError('UNAVAILABLE', 'slow down', century) });
    const aborting = new AbortController();
    const get = expect(patient.store.get('key', { signal: aborting.signal })).rejects.toThrow('enough');
    await patient.clock.advance(10);
    aborting.abort(new Error('enough'));
    await get;

    const past = setUp({ backoffMs: 0 });
    past.faulty.failBefore('get', { error: new StoreError('UNAVAILABLE', 'busy', { retryAfterMs: -5 }) });
    expect(await past.clock.runUntil(past.store.get('key'))).toBeUndefined();
  });

  test('a store that repeats by itself is given what is left, and does not begin a pause past it', async () => {
    const { clock, faulty, store: inner, sent } = setUp({ totalMs: 600_000, attemptMs: 600_000 });
    const outer = withRetry(inner, { clock, random: seededRandom(2), totalMs: 20_000, attemptMs: 5_000 });
    // The inner one alone would wait; sent or not would then be unknown to the outer one.
    const busy = new StoreError('UNAVAILABLE', 'slow down', { retryAfterMs: 7_000 });
    faulty.failBefore('put', { error: busy });
    expect(await clock.runUntil(outer.put('key', bytes, create))).toHaveProperty('etag');
    expect(sent()).toBe(2);
    faulty.hang('get', always);
    const began = clock.monotonic();
    await expect(clock.runUntil(outer.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(clock.monotonic() - began).toBeLessThanOrEqual(20_000);
    await clock.advance(600_000);
    expect([clock.sleepers, sent()]).toEqual([0, sent()]);
  });

  test('pauses between nothing and twice as much each time', async () => {
    const { clock, faulty, store } = setUp({
      backoffMs: 100,
      backoffMsMax: 400,
      attemptsMax: 5,
      random: () => new Uint8Array(4).fill(255),
    });
    faulty.failBefore('get', always);
    await expect(clock.runUntil(store.get('key'))).rejects.toThrow();
    expect(Math.round(clock.monotonic())).toBe(100 + 200 + 400 + 400);
    const hasty = setUp({ random: () => new Uint8Array(4) });
    hasty.faulty.failBefore('get', always);
    await expect(hasty.clock.runUntil(hasty.store.get('key'))).rejects.toThrow();
    expect(hasty.clock.monotonic()).toBe(0);
  });

  test('passes the abort on: reads reject with the reason, writes on their way are unknown', async () => {
    const { clock, faulty, store } = setUp();
    faulty.hang('get', always).hang('put', always);
    const reason = new Error('enough');
    const aborting = new AbortController();
    const get = store.get('key', { signal: aborting.signal });
    const put = store.put('key', bytes, { signal: aborting.signal });
    const outcomes = Promise.allSettled([get, put]);
    await clock.advance(10);
    aborting.abort(reason);
    const [read, write] = await outcomes;
    expect(read).toMatchObject({ reason });
    expect(write).toMatchObject({ reason: { code: 'UNKNOWN_OUTCOME', cause: reason } });
    expect(clock.sleepers).toBe(0);
  });

  test('an abort ends the pause', async () => {
    const { clock, faulty, store } = setUp();
    const reason = new Error('enough');
    const aborting = new AbortController();
    faulty.failBefore('get', { error: new StoreError('UNAVAILABLE', 'slow down', { retryAfterMs: 7_000 }) });
    const get = store.get('key', { signal: aborting.signal });
    const outcome = expect(get).rejects.toBe(reason);
    await clock.advance(10);
    aborting.abort(reason);
    await outcome;
  });

  test('tells meters of repetitions', async () => {
    const [all, own] = [new Traffic(), new Traffic()];
    const { clock, faulty, store } = setUp({ meter: all });
    faulty.failBefore('get', { times: 2 }).failBefore('put');
    await clock.runUntil(store.get('key', { meter: own }));
    await clock.runUntil(store.put('key', bytes));
    expect(all.retries).toEqual({ read: 2, write: 1, list: 0, delete: 0 });
    expect(own.retries).toEqual({ read: 2, write: 0, list: 0, delete: 0 });
  });
});

describe('withRetry, listing', () => {
  /** Fails each time it has given `every` objects. */
  function breaking(inner: MemoryStore, every: number, ordered: boolean): ObjectStore {
    return {
      capabilities: { ...inner.capabilities, orderedList: ordered },
      get: (key, o) => inner.get(key, o),
      put: (key, value, o) => inner.put(key, value, o),
      delete: (some, o) => inner.delete(some, o),
      async *list(prefix, o = {}) {
        const objects: ListedObject[] = [];
        for await (const object of inner.list(prefix, ordered ? o : { after: o.after })) objects.push(object);
        if (!ordered) objects.reverse();
        if (!ordered) every += 2;
        let left = every;
        for (const object of objects.slice(0, o.limit)) {
          if (left-- === 0) throw new StoreError('UNAVAILABLE', 'the listing broke');
          yield object;
        }
      },
    };
  }

  for (const ordered of [true, false]) {
    test(`goes on where it broke, ${ordered ? 'in order' : 'without order'}`, async () => {
      const memory = new MemoryStore();
      const names = Array.from({ length: 20 }, (_, i) => `k/${i + 10}`);
      for (const name of names) await memory.put(name, bytes);
      const { clock, store } = setUp({}, breaking(memory, 3, ordered));
      expect((await clock.runUntil(keys(store.list('k/')))).sort()).toEqual(names);
      expect((await clock.runUntil(keys(store.list('k/', { limit: 7 })))).length).toBe(7);
      const after = await clock.runUntil(keys(store.list('k/', { after: 'k/19', limit: 5 })));
      expect(new Set(after).size).toBe(5);
      expect(after.every((key) => key > 'k/19')).toBe(true);
      expect(clock.sleepers).toBe(0);
    });
  }

  test('gives up when it makes no progress', async () => {
    const { clock, faulty, store, sent } = setUp({ attemptsMax: 4 });
    faulty.failBefore('list', always);
    await expect(clock.runUntil(keys(store.list('')))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sent()).toBe(4);
  });

  test('gives a hanging listing its time, and begins anew', async () => {
    const { clock, faulty, store } = setUp({ attemptMs: 100 });
    await store.put('key', bytes);
    faulty.hang('list');
    expect(await clock.runUntil(keys(store.list('')))).toEqual(['key']);
  });

  /** A store whose listing is what a test says, one list for each time it is asked. */
  function scripted(ordered: boolean, listings: (string | Error)[][]): ObjectStore {
    const memory = new MemoryStore();
    let asked = 0;
    return {
      capabilities: { ...memory.capabilities, orderedList: ordered },
      get: (key, o) => memory.get(key, o),
      put: (key, value, o) => memory.put(key, value, o),
      delete: (some, o) => memory.delete(some, o),
      async *list() {
        for (const key of listings[Math.min(asked++, listings.length - 1)]!) {
          if (key instanceof Error) throw key;
          yield { key, size: 0 };
        }
      },
    };
  }
  const broke = new StoreError('UNAVAILABLE', 'the listing broke');

  test.each([
    ['the same key again', ['a', 'b', 'b']],
    ['its first page again', ['a', 'b', 'a', 'b']],
    ['another order', ['b', 'a']],
    ['another order among what was not asked for', ['k/1', 'z', 'y']],
    ['UTF-16 order', ['\u{1f980}', '\ufb01']],
  ])('a listing in order that gives %s is wrong, and is not asked for again', async (_, listing) => {
    const { store, sent } = setUp({}, scripted(true, [listing]));
    await expect(keys(store.list(''))).rejects.toMatchObject({ code: 'INVALID' });
    expect(sent()).toBe(1);
  });

  for (const ordered of [true, false]) {
    test(`what was not asked for is left out, ${ordered ? 'in order' : 'without order'}`, async () => {
      const { store } = setUp({}, scripted(ordered, [['a', 'k/1', 'k/2', 'k/3', 'z']]));
      expect(await keys(store.list('k/', { after: 'k/1' }))).toEqual(['k/2', 'k/3']);
    });

    test(`a listing that always breaks before it gives anything new ends, ${ordered ? 'in order' : 'without order'}`, async () => {
      // The first two were given the first time: they are no progress any more.
      const { clock, store, sent } = setUp({ attemptsMax: 4 }, scripted(ordered, [['a', 'b', broke]]));
      await expect(clock.runUntil(keys(store.list('')))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(sent()).toBe(4);
    });
  }

  test('a listing without order that repeats itself without end is wrong', async () => {
    const memory = new MemoryStore();
    let given = 0;
    const store = withRetry({
      ...scripted(false, []),
      capabilities: { ...memory.capabilities, orderedList: false },
      async *list() {
        for (;;) yield { key: `k${given++ % 3}`, size: 0 };
      },
    });
    await expect(keys(store.list(''))).rejects.toMatchObject({ code: 'INVALID' });
    expect(given).toBeLessThan(11_000);
  });

  test('a few repetitions in a listing without order are left out', async () => {
    const { store } = setUp({}, scripted(false, [['c', 'a', 'c', 'b', 'a']]));
    expect(await keys(store.list(''))).toEqual(['c', 'a', 'b']);
  });
});
