import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { conformance } from './conformance.js';
import { MemoryStore } from './memory-store.js';
import { metered } from './metered.js';
import type { ObjectStore } from './object-store.js';
import { prices } from './prices.js';
import { FaultyStore, GatedStore, ManualClock, RecordingStore, settled } from './testing.js';
import { estimateCost, Traffic } from './traffic.js';
import { withHedge } from './with-hedge.js';
import { withLimit } from './with-limit.js';
import { withRetry } from './with-retry.js';

const bytes = Uint8Array.of(1, 2, 3);

async function fill(store: ObjectStore, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.put(`k/${String(i).padStart(6, '0')}`, bytes);
}

describe('all wrappers together keep the contract', () => {
  const open = async () => {
    const store = withRetry(
      withHedge(withLimit(metered(new MemoryStore(), { meter: new Traffic() }), { concurrency: 8 }), {
        delayMs: 5,
      }),
    );
    return { store, cleanup: async () => {} };
  };
  for (const { name, run } of conformance(open)) test(name, run);
});

test('wrappers keep capabilities, identity and close', async () => {
  let closed = 0;
  const inner: ObjectStore = Object.assign(new MemoryStore('x'), { close: async () => void closed++ });
  const wrap = [
    (store: ObjectStore) => withRetry(store),
    (store: ObjectStore) => withHedge(store),
    (store: ObjectStore) => withLimit(store, { concurrency: 2 }),
    (store: ObjectStore) => metered(store, { meter: new Traffic() }),
  ];
  for (const wrapper of wrap) {
    const wrapped = wrapper(inner);
    expect([wrapped.capabilities, wrapped.identity]).toEqual([inner.capabilities, 'memory:x']);
    await wrapped.close?.();
    expect(wrapper(new MemoryStore()).close).toBeUndefined();
  }
  expect(closed).toBe(4);
});

describe('withLimit', () => {
  test('never has more requests under way than it is told', async () => {
    const gated = new GatedStore(new MemoryStore());
    const store = withLimit(gated, { concurrency: 3 });
    const gets = Promise.all(Array.from({ length: 7 }, (_, i) => store.get(`k${i}`)));
    for (const expected of [3, 3, 3, 3, 3, 2, 1]) {
      await settled();
      expect(gated.pending).toHaveLength(expected);
      await gated.pending[0]!.release();
    }
    await gets;
  });

  test('a listing holds no place while its consumer is thinking', async () => {
    const memory = new MemoryStore();
    await fill(memory, 3);
    const store = withLimit(memory, { concurrency: 1 });
    let found = 0;
    for await (const { key } of store.list('k/')) if (await store.get(key)) found++;
    expect(found).toBe(3);
  });

  test('who waits in line leaves it when aborted, and sends nothing', async () => {
    const gated = new GatedStore(new MemoryStore());
    const store = withLimit(gated, { concurrency: 1 });
    const first = store.get('first');
    const aborting = new AbortController();
    const second = store.put('second', bytes, { signal: aborting.signal });
    const third = store.get('third');
    const outcome = expect(second).rejects.toThrow('enough');
    await gated.waitForPending(1);
    aborting.abort(new Error('enough'));
    await outcome;
    await gated.pending[0]!.release();
    expect((await gated.waitForPending(1)).map((call) => call.key)).toEqual(['third']);
    await gated.open();
    await Promise.all([first, third]);
  });

  test('an abort on the way is answered by the store alone', async () => {
    const gated = new GatedStore(new MemoryStore());
    const store = withLimit(new FaultyStore(gated).loseResponseAfter('put'), { concurrency: 1 });
    const aborting = new AbortController();
    const outcome = expect(store.put('key', bytes, { signal: aborting.signal })).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
    const [put] = await gated.waitForPending(1);
    await put!.release();
    aborting.abort();
    await outcome;
  });
});

describe('metered', () => {
  test('counts each attempt, since it is under the retries', async () => {
    const traffic = new Traffic();
    const clock = new ManualClock();
    const faulty = new FaultyStore(new MemoryStore(), { clock }).failBefore('put', { times: 2 });
    const store = withRetry(metered(faulty, { meter: traffic }), { clock, meter: traffic });
    await clock.runUntil(store.put('key', bytes));
    expect(traffic.snapshot()).toEqual({
      requests: { read: 0, write: 3, list: 0, delete: 0 },
      retries: { read: 0, write: 2, list: 0, delete: 0 },
      bytesOut: 9,
      bytesIn: 0,
    });
  });

  test.each([
    [0, 1],
    [1, 1],
    [999, 1],
    [1_000, 1],
    [1_001, 2],
    [2_500, 3],
  ])('a listing of %i keys is %i requests', async (count, requests) => {
    const traffic = new Traffic();
    const memory = new MemoryStore();
    await fill(memory, count);
    for await (const _ of metered(memory, { meter: traffic }).list('k/'));
    expect(traffic.requests.list).toBe(requests);
    expect(traffic.bytesIn).toBe(count * 'k/000000'.length);
  });

  test('deletes count by what the store takes at once', async () => {
    const traffic = new Traffic();
    const keys = Array.from({ length: 25 }, (_, i) => `k${i}`);
    await metered(new MemoryStore(), { meter: traffic }).delete(keys);
    await metered(new MemoryStore(), { meter: traffic, keysPerDelete: 1 }).delete(keys);
    expect(traffic.requests.delete).toBe(26);
  });

  test('a meter that refuses keeps the request from being sent', async () => {
    const recording = new RecordingStore(new MemoryStore());
    const meter = {
      request: () => {
        throw new Error('over budget');
      },
      response: () => {},
      retry: () => {},
    };
    const store = metered(recording, { meter: new Traffic() });
    await expect(store.put('key', bytes, { meter })).rejects.toThrow('over budget');
    await expect(store.get('key', { meter })).rejects.toThrow('over budget');
    expect(recording.calls).toEqual([]);
  });

  test('two metered layers tell the call’s own meter once', async () => {
    const own = new Traffic();
    const store = metered(metered(new MemoryStore(), { meter: new Traffic() }), { meter: new Traffic() });
    await store.put('key', bytes, { meter: own });
    expect(own.requests.write).toBe(1);
  });
});

describe('Traffic', () => {
  test('since gives what came after a snapshot, which stays what it was', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000)), fc.array(fc.nat(1_000)), (before, after) => {
        const traffic = new Traffic();
        const alone = new Traffic();
        for (const size of before) traffic.request('write', size);
        const snapshot = traffic.snapshot();
        for (const size of after) {
          for (const each of [traffic, alone]) {
            each.request('read', 0);
            each.response('read', size);
            each.retry('list');
          }
        }
        expect(traffic.since(snapshot)).toEqual(alone.snapshot());
        expect(snapshot.requests.read).toBe(0);
      }),
    );
  });

  test('estimates by the table, and says what the table does not have', () => {
    const traffic = new Traffic();
    for (let i = 0; i < 1_000; i++) traffic.request('write', 0);
    for (let i = 0; i < 10_000; i++) traffic.request('read', 0);
    traffic.request('list', 0);
    traffic.response('read', 2e9);
    const aws = traffic.estimateCost(prices.awsS3Standard);
    expect(aws.requests).toBeCloseTo(0.005 + 0.004 + 0.000005, 12);
    expect(aws.egress).toBeCloseTo(0.18, 12);
    expect(aws.total).toBe(aws.requests + aws.egress);
    expect(aws.unpriced).toEqual([]);
    expect(estimateCost(traffic, prices.cloudflareR2).egress).toBe(0);
    expect(estimateCost(traffic, prices.backblazeB2).unpriced).toEqual(['list', 'egress']);
  });
});

describe('withHedge', () => {
  async function setUp(options: { delayMs?: number; shareMax?: number; percentile?: number }) {
    const clock = new ManualClock();
    const memory = new MemoryStore();
    await memory.put('key', bytes);
    const faulty = new FaultyStore(memory, { clock });
    const recording = new RecordingStore(faulty);
    return { clock, faulty, recording, store: withHedge(recording, { clock, ...options }) };
  }

  test('a slow read is sent again, and the first answer counts', async () => {
    const { clock, faulty, recording, store } = await setUp({ delayMs: 50, shareMax: 1 });
    faulty.delay('get', 10_000);
    expect((await clock.runUntil(store.get('key')))?.bytes).toEqual(bytes);
    expect(clock.monotonic()).toBe(50);
    expect(recording.calls).toHaveLength(2);
    // The loser was aborted, so nobody sleeps for it.
    await settled();
    expect(clock.sleepers).toBe(0);
  });

  test('a fast read is sent once', async () => {
    const { clock, recording, store } = await setUp({ delayMs: 50, shareMax: 1 });
    await clock.runUntil(store.get('key'));
    expect([recording.calls.length, clock.monotonic(), clock.sleepers]).toEqual([1, 0, 0]);
  });

  test('extra reads stay within their share', async () => {
    const { clock, faulty, recording, store } = await setUp({ delayMs: 50, shareMax: 0.1 });
    faulty.delay('get', 200, { times: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 100; i++) await clock.runUntil(store.get('key'));
    expect(recording.calls.length).toBe(110);
  });

  test('learns the delay from the reads before', async () => {
    const { clock, faulty, recording, store } = await setUp({ shareMax: 1, percentile: 0.9 });
    for (let i = 1; i <= 20; i++) {
      faulty.delay('get', i === 20 ? 900 : 10);
      await clock.runUntil(store.get('key'));
    }
    expect(recording.calls).toHaveLength(20);
    const since = clock.monotonic();
    faulty.delay('get', 5_000);
    await clock.runUntil(store.get('key'));
    expect([recording.calls.length, clock.monotonic() - since]).toEqual([21 + 1, 10]);
  });

  test('a failure of one is made good by the other; of both, it is the failure', async () => {
    const { clock, faulty, store } = await setUp({ delayMs: 50, shareMax: 1 });
    faulty.delay('get', 100).failBefore('get');
    expect((await clock.runUntil(store.get('key')))?.bytes).toEqual(bytes);
    faulty.clear();
    faulty.delay('get', 100).failBefore('get', { times: 2 });
    await expect(clock.runUntil(store.get('key'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('the caller’s abort ends both', async () => {
    const { clock, faulty, store } = await setUp({ delayMs: 50, shareMax: 1 });
    faulty.hang('get', { times: 2 });
    const aborting = new AbortController();
    const outcome = expect(store.get('key', { signal: aborting.signal })).rejects.toThrow('enough');
    await clock.advance(60);
    aborting.abort(new Error('enough'));
    await outcome;
    expect(clock.sleepers).toBe(0);
  });

  test('a read of a missing object is an answer', async () => {
    const { clock, store } = await setUp({ delayMs: 50, shareMax: 1 });
    expect(await clock.runUntil(store.get('missing'))).toBeUndefined();
  });
});
