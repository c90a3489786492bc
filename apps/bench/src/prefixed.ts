/** Views of a store: a part of it, and one that can be shut. */
import { type ObjectStore, StoreError } from '@holdfast/object-store';

/**
 * The objects of `store` under `prefix`, through the same client and its connections. Closing it closes nothing.
 * @param identity of the place, whatever network it is reached over.
 */
export function prefixed(store: ObjectStore, prefix: string, identity: string): ObjectStore {
  return {
    capabilities: store.capabilities,
    identity,
    get: (key, o) => store.get(prefix + key, o),
    put: (key, bytes, o) => store.put(prefix + key, bytes, o),
    delete: (keys, o) =>
      store.delete(
        keys.map((key) => prefix + key),
        o,
      ),
    async *list(under, o = {}) {
      const after = o.after === undefined ? undefined : prefix + o.after;
      for await (const { key, size } of store.list(prefix + under, { ...o, after }))
        yield { key: key.slice(prefix.length), size };
    },
  };
}

/** A store that takes no more puts once it is shut, so that what was written can be deleted for good. */
export interface ShutStore {
  readonly store: ObjectStore;
  /** Resolves when no put is under way. */
  shut(): Promise<void>;
}

export function shuttable(store: ObjectStore): ShutStore {
  const underWay = new Set<Promise<unknown>>();
  let isShut = false;
  return {
    store: {
      capabilities: store.capabilities,
      identity: store.identity,
      get: (key, o) => store.get(key, o),
      list: (prefix, o) => store.list(prefix, o),
      delete: (keys, o) => store.delete(keys, o),
      async put(key, bytes, o) {
        if (isShut) throw new StoreError('DENIED', 'The benchmark has ended: nothing more is written.');
        const put = store.put(key, bytes, o);
        underWay.add(put);
        try {
          return await put;
        } finally {
          underWay.delete(put);
        }
      },
    },
    shut: async () => {
      isShut = true;
      await Promise.allSettled(underWay);
    },
  };
}
