import type { ObjectStore } from '@holdfast/object-store';

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
