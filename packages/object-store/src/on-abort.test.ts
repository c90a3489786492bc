import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { systemClock } from './clock.js';
import { MemoryStore } from './memory-store.js';
import type { CallOptions, ObjectStore } from './object-store.js';
import { onAbort } from './on-abort.js';
import { FaultyStore, GatedStore, ManualClock, settled } from './testing.js';
import { withHedge } from './with-hedge.js';
import { withLimit } from './with-limit.js';
import { withRetry } from './with-retry.js';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** Calls that wait for as long as their signal lets them. */
const waits: Record<string, (options: CallOptions & { signal: AbortSignal }) => Promise<unknown>> = {
  withRetry: (o) => withRetry(stuck()).get('key', o),
  'withRetry, listing': (o) => withRetry(stuck()).list('', o)[Symbol.asyncIterator]().next(),
  withLimit: (o) => {
    const store = withLimit(stuck(), { concurrency: 1 });
    store.get('first').catch(() => undefined);
    return store.get('second', o);
  },
  withHedge: (o) => withHedge(stuck(), { delayMs: 0 }).get('key', o),
  'systemClock.sleep': ({ signal }) => systemClock.sleep(60_000, signal),
  'ManualClock.sleep': ({ signal }) => new ManualClock().sleep(60_000, signal),
  GatedStore: (o) => new GatedStore(new MemoryStore()).get('key', o),
  FaultyStore: (o) => stuck().get('key', o),
};

function stuck(): ObjectStore {
  return new FaultyStore(new MemoryStore())
    .hang('get', { times: Number.POSITIVE_INFINITY })
    .hang('list', { times: Number.POSITIVE_INFINITY });
}

for (const [name, wait] of Object.entries(waits)) {
  test(`${name}: calls that share a signal share one listener, and leave none`, async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    const aborting = new AbortController();
    const { signal } = aborting;
    const calls = Promise.allSettled(Array.from({ length: 30 }, () => wait({ signal })));
    await settled();
    expect(listeners(signal)).toBe(1);
    const reason = new Error('enough');
    aborting.abort(reason);
    expect((await calls).map((call) => call.status === 'rejected' && call.reason)).toEqual(
      Array(30).fill(reason),
    );
    await settled();
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
    expect(listeners(signal)).toBe(0);
  });
}

test('calls that end leave no listener with a signal that lives on', async () => {
  const memory = new MemoryStore();
  const store = withRetry(withHedge(withLimit(memory, { concurrency: 2 }), { delayMs: 0 }));
  const { signal } = new AbortController();
  for (let i = 0; i < 5; i++) {
    await store.put(`k${i}`, Uint8Array.of(1), { signal });
    await store.get(`k${i}`, { signal });
    for await (const _ of store.list('', { signal })) break;
  }
  await systemClock.sleep(0, signal);
  await settled();
  expect(listeners(signal)).toBe(0);
});

test('a wait that has ended is not told, not even by one that is told in the same moment', () => {
  const aborting = new AbortController();
  const told: string[] = [];
  const second: { leave?: () => void } = {};
  onAbort(aborting.signal, () => {
    told.push('first');
    second.leave?.();
  });
  second.leave = onAbort(aborting.signal, () => told.push('second'));
  onAbort(aborting.signal, () => told.push('third'));
  aborting.abort();
  expect(told).toEqual(['first', 'third']);
  onAbort(aborting.signal, () => told.push('late'));
  expect(told).toEqual(['first', 'third', 'late']);
});
