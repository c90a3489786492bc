/**
 * Yields `items` in ascending order, by a binary heap: a consumer that takes the first few of 100,000 pays for
 * looking at each once, not for sorting them. Takes the array over.
 */
export function* ascending<T>(items: T[], compare: (a: T, b: T) => number): Generator<T, void, undefined> {
  const sink = (from: number): void => {
    const item = items[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && compare(items[child + 1]!, items[child]!) < 0) child++;
      if (compare(items[child]!, item) >= 0) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  };
  for (let i = (items.length >>> 1) - 1; i >= 0; i--) sink(i);
  while (items.length > 0) {
    const least = items[0]!;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      sink(0);
    }
    yield least;
  }
}
