import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { cutRange } from './byte-range.js';
import { systemClock } from './clock.js';
import { conformance } from './conformance.js';
import { ascending } from './file/ascending.js';
import { compareKeys } from './key-order.js';
import { MemoryStore } from './memory-store.js';
import { randomHex, systemRandom } from './random.js';
import { FaultyStore, GatedStore, ManualClock, RecordingStore, seededRandom } from './testing.js';

const bytes = Uint8Array.of(1, 2, 3);

describe('test stores without a script keep the contract', () => {
  const wraps = {
    FaultyStore: () => new FaultyStore(new MemoryStore()),
    RecordingStore: () => new RecordingStore(new MemoryStore()),
    GatedStore: () => new GatedStore(new MemoryStore(), { open: true }),
  };
  for (const [name, wrap] of Object.entries(wraps)) {
    const open = async () => ({ store: wrap(), cleanup: async () => {} });
    for (const one of conformance(open, { listedKeys: 30 })) test(`${name}: ${one.name}`, one.run);
  }
});

describe('FaultyStore', () => {
  test('failBefore keeps the call from happening, the stated number of times, for the stated keys', async () => {
    const memory = new MemoryStore();
    const store = new FaultyStore(memory).failBefore('put', { times: 2, when: (key) => key === 'a' });
    await store.put('b', bytes);
    for (let i = 0; i < 2; i++)
      await expect(store.put('a', bytes)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([...memory.objects().keys()]).toEqual(['b']);
    expect(store.isUsedUp).toBe(true);
    await store.put('a', bytes);
  });

  test('loseResponseAfter lets it happen', async () => {
    const memory = new MemoryStore();
    const store = new FaultyStore(memory).loseResponseAfter('put').loseResponseAfter('get');
    await expect(store.put('a', bytes, { ifAbsent: true })).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
    expect(memory.objects().has('a')).toBe(true);
    await expect(store.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await store.put('a', bytes, { ifAbsent: true })).toEqual({ occupied: true });
  });

  test('cutBody gives half of what was asked for, once', async () => {
    const store = new FaultyStore(new MemoryStore());
    await store.put('a', Uint8Array.of(1, 2, 3, 4, 5, 6));
    store.cutBody({ times: 2 });
    expect(await store.get('a')).toMatchObject({ bytes: Uint8Array.of(1, 2, 3), size: 3 });
    expect(await store.get('missing')).toBeUndefined();
    expect((await store.get('a'))?.bytes).toHaveLength(6);
  });

  test('endlessBody is TOO_LARGE for who says how much it takes, and fails who does not', async () => {
    const store = new FaultyStore(new MemoryStore()).endlessBody({ times: 3 });
    await expect(store.get('a', { maxBytes: 10 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(store.get('a', { range: { offset: 0, length: 10 } })).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
    await expect(store.get('a')).rejects.toThrow('no maxBytes');
    expect(store.isUsedUp).toBe(true);
    expect(await store.get('a')).toBeUndefined();
  });

  test('endlessListing goes on in order until it is ended', async () => {
    const store = new FaultyStore(new MemoryStore());
    await store.put('log/1', bytes);
    const keys = async (limit: number, after?: string) => {
      const found: string[] = [];
      for await (const { key } of store.list('log/', { limit, after })) found.push(key);
      return found;
    };
    store.endlessListing({ times: 2, when: (prefix) => prefix === 'log/' });
    const first = await keys(3);
    expect(first).toEqual(['log/000000000', 'log/000000001', 'log/000000002']);
    expect(await keys(1, first[2])).toEqual(['log/000000003']);
    expect(store.isUsedUp).toBe(true);
    expect(await keys(3)).toEqual(['log/1']);
    store.endlessListing({ name: (prefix, index) => `${prefix}${index % 2}` });
    expect(await keys(4)).toEqual(['log/0', 'log/1', 'log/0', 'log/1']);
    store.endlessListing();
    await expect(keys(Number.POSITIVE_INFINITY)).rejects.toThrow('nobody ended');
  });

  test('a changed object is bounded as it is seen', async () => {
    const store = new FaultyStore(new MemoryStore());
    await store.put('a', bytes);
    store.mutate(
      () => true,
      (whole) => new Uint8Array(whole.length * 2),
    );
    expect((await store.get('a', { maxBytes: 6 }))?.bytes).toHaveLength(6);
    await expect(store.get('a', { maxBytes: 5 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect((await store.get('a', { maxBytes: 2, range: { offset: -2, length: 2 } }))?.bytes).toHaveLength(2);
  });

  test('corruptByte changes that byte in whole reads and in ranges, and nothing else', async () => {
    const store = new FaultyStore(new MemoryStore());
    await store.put('a', Uint8Array.of(10, 20, 30, 40));
    store.corruptByte('a', -2, 0xff);
    expect((await store.get('a'))?.bytes).toEqual(Uint8Array.of(10, 20, 30 ^ 0xff, 40));
    expect((await store.get('a', { range: { offset: 2, length: 1 } }))?.bytes).toEqual(
      Uint8Array.of(30 ^ 0xff),
    );
    expect((await store.get('a', { range: { offset: -1, length: 1 } }))?.bytes).toEqual(Uint8Array.of(40));
    store.clear();
    expect((await store.get('a'))?.bytes).toEqual(Uint8Array.of(10, 20, 30, 40));
    store.corruptByte('a', 4);
    await expect(store.get('a')).rejects.toThrow(RangeError);
  });

  test('hidden objects are neither read nor listed, and still occupy their key', async () => {
    const store = new FaultyStore(new MemoryStore());
    for (const key of ['a', 'b', 'c']) await store.put(key, bytes);
    store.hide((key) => key === 'b');
    expect(await store.get('b')).toBeUndefined();
    const found: string[] = [];
    for await (const { key } of store.list('', { limit: 2 })) found.push(key);
    expect(found).toEqual(['a', 'c']);
    expect(await store.put('b', bytes, { ifAbsent: true })).toEqual({ occupied: true });
  });

  test('a delay passes on to the fault behind it', async () => {
    const clock = new ManualClock();
    const store = new FaultyStore(new MemoryStore(), { clock }).delay('get', 70).failBefore('get');
    await expect(clock.runUntil(store.get('a'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(clock.monotonic()).toBe(70);
  });
});

describe('GatedStore', () => {
  test('plays calls in the order of the test', async () => {
    const store = new GatedStore(new MemoryStore());
    const first = store.put('key', Uint8Array.of(1), { ifAbsent: true });
    const second = store.put('key', Uint8Array.of(2), { ifAbsent: true });
    const [a, b] = await store.waitForPending(2);
    expect([a!.kind, a!.key, a!.bytes, a!.conditional]).toEqual(['put', 'key', Uint8Array.of(1), true]);
    await b!.release();
    await a!.release();
    expect([await first, (await second).etag]).toEqual([{ occupied: true }, expect.any(String)]);
    expect(store.pending).toEqual([]);
  });

  test('a call that fails at the gate has not happened; an aborted one leaves', async () => {
    const memory = new MemoryStore();
    const store = new GatedStore(memory, { when: (call) => call.kind === 'put' });
    expect(await store.get('free')).toBeUndefined();
    const failing = expect(store.put('a', bytes)).rejects.toThrow('scripted');
    await (await store.waitForPending(1))[0]!.fail(new Error('scripted'));
    await failing;
    const aborting = new AbortController();
    const aborted = expect(store.put('b', bytes, { signal: aborting.signal })).rejects.toThrow('enough');
    await store.waitForPending(1);
    aborting.abort(new Error('enough'));
    await aborted;
    expect([store.pending.length, memory.objects().size]).toEqual([0, 0]);
  });
});

describe('RecordingStore', () => {
  test('counts what waits for each other, not what runs side by side', async () => {
    const store = new RecordingStore(new MemoryStore());
    await store.put('a', bytes);
    expect(store.sequentialDepth()).toBe(1);
    await Promise.all([store.get('a'), store.get('b'), store.get('c')]);
    expect(store.sequentialDepth()).toBe(2);
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) await store.get('a');
    };
    await Promise.all([chain(), store.get('a')]);
    expect(store.sequentialDepth()).toBe(5);
    store.reset();
    for await (const _ of store.list(''));
    expect([store.sequentialDepth(), store.calls.length]).toEqual([1, 1]);
  });

  test('remembers keys, ranges, bytes and failures', async () => {
    const store = new RecordingStore(new FaultyStore(new MemoryStore()).failBefore('get'));
    await store.put('a', bytes);
    await store.get('a', { range: { offset: 1, length: 1 } }).catch(() => undefined);
    await store.delete(['a', 'b']);
    expect(store.calls).toMatchObject([
      { kind: 'put', key: 'a', bytes, conditional: false, failed: false, startedAt: 0, endedAt: 1 },
      { kind: 'get', range: { offset: 1, length: 1 }, failed: true },
      { kind: 'delete', keys: ['a', 'b'] },
    ]);
  });
});

describe('ManualClock', () => {
  test('wakes sleepers in order, and those who lie down meanwhile', async () => {
    const clock = new ManualClock(1_000);
    const woken: string[] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name} at ${clock.monotonic()}`);
    };
    void sleep('late', 30);
    void sleep('early', 10).then(() => sleep('again', 10));
    void sleep('never', 100);
    await clock.advance(50);
    expect(woken).toEqual(['early at 10', 'again at 20', 'late at 30']);
    expect([clock.now(), clock.monotonic(), clock.sleepers]).toEqual([1_050, 50, 1]);
  });

  test('setWall leaves the monotonic clock alone', async () => {
    const clock = new ManualClock();
    await clock.advance(5);
    clock.setWall(0);
    expect([clock.now(), clock.monotonic()]).toEqual([0, 5]);
  });
});

describe('systemClock', () => {
  test('sleeps, and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await systemClock.sleep(1, signal);
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
    expect(removed.mock.calls[0]![1]).toBe(added.mock.calls[0]![1]);
  });

  test('rejects with the reason when aborted, before and meanwhile, however long the sleep', async () => {
    await expect(systemClock.sleep(1e9, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    const aborting = new AbortController();
    const outcome = expect(systemClock.sleep(2 ** 40, aborting.signal)).rejects.toThrow('meanwhile');
    await new Promise((resolve) => setTimeout(resolve, 5));
    aborting.abort(new Error('meanwhile'));
    await outcome;
  });

  test('calls back after a time, unless that wait is ended, however long it is', async () => {
    const [called, spared] = [vi.fn(), vi.fn()];
    systemClock.after(1, called);
    for (const ms of [1, 2 ** 40]) systemClock.after(ms, spared)();
    await systemClock.sleep(5);
    expect([called.mock.calls.length, spared.mock.calls.length]).toEqual([1, 0]);
  });
});

describe('randomness', () => {
  test('of the system fills more than one call gives', () => {
    const filled = systemRandom(200_000);
    for (const at of [0, 65_536, 131_072, 199_000]) {
      expect(new Set(filled.subarray(at, at + 1_000)).size).toBeGreaterThan(100);
    }
    expect(randomHex(() => Uint8Array.of(0, 15, 255), 3)).toBe('000fff');
  });

  test('with a seed repeats itself, and differs by seed', () => {
    expect(seededRandom(7)(50)).toEqual(seededRandom(7)(50));
    expect(seededRandom(7)(50)).not.toEqual(seededRandom(8)(50));
  });
});

describe('key order', () => {
  const key = fc.string({
    unit: fc.oneof(
      fc.constantFrom('a', '/', '-', '\ud7ff', '\ue000', '\uffff', '🦀'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  });

  test('is that of UTF-8 bytes', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test('ascending gives what sorting gives', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (items) => {
        const sorted = items.toSorted((a, b) => a - b);
        expect([...ascending(items, (a, b) => a - b)]).toEqual(sorted);
      }),
    );
  });
});

test('a cut range is what slicing gives', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.integer({ min: -60, max: 60 }), fc.nat(60), (size, offset, length) => {
      const whole = Uint8Array.from({ length: size }, (_, i) => i);
      const { start, end } = cutRange(size, { offset, length });
      expect(whole.slice(start, end)).toEqual(whole.slice(offset).slice(0, length));
      expect(start).toBeLessThanOrEqual(end);
    }),
  );
});
