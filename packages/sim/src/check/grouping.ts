/** Maps whose values are made when they are first asked for. */

export function orMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

export function pushTo<K, V>(map: Map<K, V[]>, key: K, item: V): void {
  orMake<K, V[]>(map, key, () => []).push(item);
}
