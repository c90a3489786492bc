/**
 * Walks that users hold, as generators: when they begin, and how their steps are taken.
 *
 * Invariant: what a walk fails with is told at a step, never by the call that made the walk.
 */

/** Runs `open` at once; what it throws is told at the first step. */
export function atCall<T>(open: () => T): () => T {
  try {
    const opened = open();
    return () => opened;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

export async function* mapSteps<T, U>(
  open: () => AsyncGenerator<T, void, undefined>,
  make: (item: T) => U,
): AsyncGenerator<U, void, undefined> {
  for await (const item of open()) yield make(item);
}

/** What `open` opens, at once; what it throws is told at the first step. */
export function steps<T>(open: () => AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  try {
    return open();
  } catch (error) {
    return mapSteps<T, T>(
      () => {
        throw error;
      },
      (item) => item,
    );
  }
}

/** The same walk with another way to its next step. */
export function withNext<T>(
  inner: AsyncGenerator<T, void, undefined>,
  next: () => Promise<IteratorResult<T, void>>,
): AsyncGenerator<T, void, undefined> {
  const walk = {
    next,
    return: () => inner.return(),
    throw: (error: unknown) => inner.throw(error),
    [Symbol.asyncIterator]: () => walk,
    [Symbol.asyncDispose]: async () => {
      await inner.return();
    },
  };
  return walk;
}
