/** Answers of a store that is hostile or broken: nothing that the engine asks of it is refused, only what it says is wrong. */
import type { GetOptions, ListedObject, MemoryStore, StoredObject } from '@holdfast/object-store';
import type { Lie } from './incidents.js';
import type { Random } from './random.js';

export async function lieOfGet(
  server: MemoryStore,
  key: string,
  range: GetOptions['range'],
  found: StoredObject | undefined,
  lie: Lie,
  random: Random,
): Promise<StoredObject | undefined> {
  if (found === undefined || isOf(lie, 'absent')) return undefined;
  if (isOf(lie, 'cut')) {
    const length = random.below(found.bytes.length + 1);
    return { ...found, bytes: found.bytes.slice(0, length), size: found.size - found.bytes.length + length };
  }
  if (isOf(lie, 'flip')) {
    const bytes = found.bytes.slice();
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return { ...found, bytes };
  }
  // Another object of the kind, under this one's name.
  const kind = key.slice(0, key.indexOf('/') + 1);
  const others = [...server.objects().keys()].filter((other) => other !== key && other.startsWith(kind));
  return others.length === 0 ? found : server.get(random.pick(others), range ? { range } : {});
}

/** The lies about intents are those about any object. */
function isOf(lie: Lie, what: 'absent' | 'cut' | 'flip'): boolean {
  return lie === `lie-${what}` || lie === `intent-${what}`;
}

/** Leaves out the first ones: of the log, the newest. */
export function lieOfList(found: ListedObject[], random: Random): ListedObject[] {
  return found.slice(1 + random.below(3));
}
