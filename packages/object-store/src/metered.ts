import type { ListedObject, ListOptions, Meter, ObjectStore, RequestClass } from './object-store.js';
import { sameStore } from './wrapping.js';

export interface MeteredOptions {
  /** Counts every call; each call's own `meter` is told as well. */
  readonly meter: Meter;
  /** How many keys the store puts into one answer of a listing. 1,000 unless given. */
  readonly keysPerList?: number | undefined;
  /** How many keys the store deletes with one request. 1,000 unless given. */
  readonly keysPerDelete?: number | undefined;
}

/**
 * Counts requests and bytes. Put it right around the adapter, under `withRetry`, so that every attempt counts.
 *
 * - A listing counts one request when it begins and one more with every `keysPerList` keys that are exceeded: a
 *   meter that refuses can stop it one page late. Its bytes are those of the keys; the markup is not known here.
 * - A request that fails has no response.
 * - The layers below are not told of the call's meter, so two metered layers do not count a request twice.
 */
export function metered(store: ObjectStore, options: MeteredOptions): ObjectStore {
  const { meter, keysPerList = 1_000, keysPerDelete = 1_000 } = options;

  const request = (kind: RequestClass, bytesOut: number, own: Meter | undefined): void => {
    own?.request(kind, bytesOut);
    meter.request(kind, bytesOut);
  };
  const response = (kind: RequestClass, bytesIn: number, own: Meter | undefined): void => {
    own?.response(kind, bytesIn);
    meter.response(kind, bytesIn);
  };

  async function* list(prefix: string, o: ListOptions): AsyncGenerator<ListedObject, void, undefined> {
    let count = 0;
    let bytesIn = 0;
    let failed = false;
    o.signal?.throwIfAborted();
    request('list', 0, o.meter);
    try {
      for await (const object of store.list(prefix, { ...o, meter: undefined })) {
        if (count > 0 && count % keysPerList === 0) {
          response('list', bytesIn, o.meter);
          bytesIn = 0;
          request('list', 0, o.meter);
        }
        count++;
        bytesIn += utf8Length(object.key);
        yield object;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // Also when the consumer has had enough.
      if (!failed) response('list', bytesIn, o.meter);
    }
  }

  return {
    ...sameStore(store),
    async get(key, o = {}) {
      o.signal?.throwIfAborted();
      request('read', 0, o.meter);
      const found = await store.get(key, { ...o, meter: undefined });
      response('read', found?.bytes.length ?? 0, o.meter);
      return found;
    },
    async put(key, bytes, o = {}) {
      o.signal?.throwIfAborted();
      request('write', bytes.length, o.meter);
      const result = await store.put(key, bytes, { ...o, meter: undefined });
      response('write', 0, o.meter);
      return result;
    },
    async delete(keys, o = {}) {
      o.signal?.throwIfAborted();
      const requests = Math.ceil(keys.length / keysPerDelete);
      for (let i = 0; i < requests; i++) request('delete', 0, o.meter);
      await store.delete(keys, { ...o, meter: undefined });
      for (let i = 0; i < requests; i++) response('delete', 0, o.meter);
    },
    list: (prefix, o = {}) => list(prefix, o),
  };
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
