/**
 * Fills the cache with a segment whose sealed bytes are at hand: its maker need not fetch what it has just sent.
 *
 * Invariant: they are checked and opened as if the store had answered with them, so nothing gets into the cache that a
 * read would refuse.
 */
import type { ObjectStore } from '@holdfast/object-store';
import type { SegmentEntry } from './segment-entry.js';
import { type SegmentDeps, SegmentSource } from './segment-source.js';

/** Of the cache's size, what the blocks of one segment may take: those of a large one would push out all others. */
const CACHE_SHARE = 1 / 8;

/**
 * @param entry as the manifest names it: without one, a segment is nothing that anybody reads.
 * @param sealed the whole object.
 */
export async function seedCache(deps: SegmentDeps, entry: SegmentEntry, sealed: Uint8Array): Promise<void> {
  const source = new SegmentSource({ ...deps, store: holding(deps.store, sealed) }, entry);
  const meta = await source.meta({});
  let left = deps.cache.maxBytes * CACHE_SHARE;
  for (let i = 0; i < meta.blocks; i++) {
    left -= meta.table.chunkBytes(meta.blockChunk(i));
    if (left < 0) return;
    await source.block(meta, i, {});
  }
}

/** A store that answers with parts of one object, whatever it is asked for. */
function holding(store: ObjectStore, object: Uint8Array): ObjectStore {
  return {
    capabilities: store.capabilities,
    put: (key, bytes, options) => store.put(key, bytes, options),
    delete: (keys, options) => store.delete(keys, options),
    list: (prefix, options) => store.list(prefix, options),
    get: async (_key, { range } = {}) => ({
      // Copies: what is kept of them must not keep all of it.
      bytes: range ? object.slice(range.offset, range.offset + range.length) : object.slice(),
      size: object.length,
      etag: '',
    }),
  };
}
