/** What holds for every call: abort signals, metering, atomic puts. */
import { StoreError } from '../errors.js';
import { metered } from '../metered.js';
import { Traffic } from '../traffic.js';
import type { Cases } from './context.js';
import { ConformanceError, expectEqual, expectFailure, expectObject, keysOf, text } from './expect.js';

export const callCases: Cases = {
  'a call whose signal is aborted already rejects with the reason and does nothing': async ({ store }) => {
    await store.put('kept', text('kept'));
    const reason = new Error('aborted by the suite');
    const options = { signal: AbortSignal.abort(reason) };
    const calls: Record<string, () => Promise<unknown>> = {
      get: () => store.get('kept', options),
      put: () => store.put('new', text('new'), options),
      create: () => store.put('new', text('new'), { ...options, ifAbsent: true }),
      delete: () => store.delete(['kept'], options),
      list: () => keysOf(store.list('', options)),
    };
    for (const [name, call] of Object.entries(calls)) {
      expectEqual(`the reason of ${name}`, await expectFailure(name, call()), reason);
    }
    await expectObject(store, 'kept', text('kept'));
    expectEqual('the put', await store.get('new'), undefined);
  },
  'a put aborted on its way is whole or absent, and says so': async ({ store }) => {
    const bytes = new Uint8Array(512 * 1024).fill(7);
    for (let round = 0; round < 8; round++) {
      const key = `aborted/${round}`;
      const aborting = new AbortController();
      const reason = new Error('aborted by the suite');
      const put = store.put(key, bytes, { signal: aborting.signal }).then(
        () => 'done' as const,
        (error: unknown) => error,
      );
      // Each round a little later.
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setTimeout(resolve, turn % 2));
      aborting.abort(reason);
      const outcome = await put;
      if (outcome === 'done') await expectObject(store, key, bytes);
      else if (outcome instanceof StoreError && outcome.code === 'UNKNOWN_OUTCOME') {
        if (await store.get(key)) await expectObject(store, key, bytes);
      } else if (outcome === reason)
        expectEqual(`${key}, which was not sent`, await store.get(key), undefined);
      else throw new ConformanceError('an aborted put', 'UNKNOWN_OUTCOME or the reason', outcome);
    }
  },
  'a listing that is aborted ends with the reason': async ({ store }) => {
    for (let i = 0; i < 5; i++) await store.put(`stop/${i}`, text('x'));
    const aborting = new AbortController();
    const reason = new Error('aborted by the suite');
    const listing = async (): Promise<void> => {
      for await (const _ of store.list('stop/', { signal: aborting.signal })) aborting.abort(reason);
    };
    expectEqual('reason', await expectFailure('the listing', listing()), reason);
  },
  'a signal that is aborted afterwards does no harm': async ({ store }) => {
    const aborting = new AbortController();
    const { signal } = aborting;
    await store.put('key', text('value'), { signal });
    await store.get('key', { signal });
    await keysOf(store.list('', { signal }));
    aborting.abort();
    await expectObject(store, 'key', text('value'));
  },
  'reads during replacement see one whole object': async ({ store }) => {
    const versions = Array.from({ length: 6 }, (_, i) => new Uint8Array(100_000 + i).fill(i));
    await store.put('busy', versions[0]!);
    let writing = true;
    const write = async (): Promise<void> => {
      try {
        for (const bytes of versions) await store.put('busy', bytes);
      } finally {
        writing = false;
      }
    };
    const read = async (): Promise<void> => {
      while (writing) {
        const found = await store.get('busy');
        const bytes = found && versions[found.bytes[0]!];
        if (!bytes) throw new ConformanceError('a read', 'one of the versions', found?.bytes);
        expectEqual('a version', found.bytes, bytes);
        expectEqual('its size', found.size, bytes.length);
        // A store whose reads are all promises would otherwise keep the writer from its turn.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    const ends = await Promise.allSettled([write(), read(), read()]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  },
  'calls are counted by a meter around the store': async ({ store }) => {
    const all = new Traffic();
    const own = new Traffic();
    const counted = metered(store, { meter: all });
    await counted.put('m/1', text('12345'), { meter: own });
    await counted.get('m/1', { meter: own });
    await counted.get('m/1', { range: { offset: 0, length: 2 } });
    await counted.get('m/missing');
    await keysOf(counted.list('m/', { meter: own }));
    await counted.delete(['m/1', 'm/2']);
    const { read, write, list, delete: deletes } = all.requests;
    expectEqual('requests', [read, write, list, deletes], [3, 1, 1, 1]);
    expectEqual('bytes out and in', [all.bytesOut, all.bytesIn], [5, 5 + 2 + 'm/1'.length]);
    expectEqual("the call's own meter", [own.requests.read, own.bytesOut, own.bytesIn], [1, 5, 8]);
  },
  'the capabilities are stated': async ({ store }) => {
    const { putIfAbsent, putIfMatch, orderedList } = store.capabilities;
    for (const stated of [putIfAbsent, putIfMatch, orderedList])
      expectEqual('type', typeof stated, 'boolean');
    expectEqual('type of identity', ['string', 'undefined'].includes(typeof store.identity), true);
    const condition = putIfMatch ? undefined : { ifMatch: '"x"' };
    for (const options of [condition, putIfAbsent ? undefined : { ifAbsent: true as const }]) {
      if (!options) continue;
      const error = await expectFailure(
        'a condition the store does not have',
        store.put('key', text('x'), options),
      );
      expectEqual('its code', (error as { code?: unknown }).code, 'INVALID');
      expectEqual('get', await store.get('key'), undefined);
    }
  },
};
