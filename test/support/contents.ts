import type { MemoryStore } from '@holdfast/object-store';

/** Every object of a store as text, so that two moments can be compared quickly. */
export function contentsOf(store: MemoryStore): ReadonlyMap<string, string> {
  return new Map([...store.objects()].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]));
}
