/**
 * The reads that a transaction's body has begun: each is seen through before the commit.
 *
 * Invariants:
 * - A read that the body did not wait for is waited for, and if it fails the transaction does. One that failed and
 *   was seen by the body is the body's own business.
 * - No rejection of a read is ever unhandled: a forgotten `await` ends no process.
 * - A walk that the body left behind is closed.
 */

/** How many turns of the microtask queue what waited for a read may take to go on. */
const TURNS = 16;

/** A promise that knows whether it was waited for: of a subclass, `await` asks for `then`. */
class Read<T> extends Promise<T> {
  #seen = false;

  // What `then` returns is nobody's read.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  get seen(): boolean {
    return this.#seen;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise, and passes on to its own.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#seen = true;
    return super.then(onFulfilled, onRejected);
  }
}

export class PendingReads {
  readonly #pending = new Set<Promise<void>>();
  readonly #failed: { readonly read: Read<unknown>; readonly error: unknown }[] = [];
  readonly #walks = new Set<AsyncGenerator<unknown, void, undefined>>();
  readonly #raised = new WeakSet<object>();
  #bodyEnded = false;
  #late: { readonly error: unknown } | undefined;

  /** Begins a read, at once. */
  run<T>(begin: () => Promise<T>): Promise<T> {
    const work = begin();
    const read = new Read<T>((resolve, reject) => {
      work.then(resolve, reject);
    });
    const settled: Promise<void> = work.then(
      () => {
        this.#pending.delete(settled);
      },
      (error: unknown) => {
        this.#pending.delete(settled);
        this.raise(error);
        this.#failed.push({ read, error });
        if (this.#bodyEnded) this.#late ??= { error };
      },
    );
    this.#pending.add(settled);
    // Handled, and not seen by that.
    Promise.prototype.then.call(read, undefined, () => {});
    return read;
  }

  /**
   * A walk whose every step is a read.
   * @param check throws when no more steps are taken.
   */
  walk<T>(steps: AsyncGenerator<T, void, undefined>, check: () => void): AsyncGenerator<T, void, undefined> {
    this.#walks.add(steps);
    const next = async (): Promise<IteratorResult<T, void>> => {
      check();
      const result = await steps.next();
      if (result.done) this.#walks.delete(steps);
      return result;
    };
    const end = (ending: () => Promise<IteratorResult<T, void>>): Promise<IteratorResult<T, void>> => {
      this.#walks.delete(steps);
      return this.run(ending);
    };
    const walk = {
      next: () => this.run(next),
      return: () => end(() => steps.return()),
      throw: (error: unknown) => end(() => steps.throw(error)),
      [Symbol.asyncIterator]: () => walk,
      [Symbol.asyncDispose]: async () => {
        await walk.return();
      },
    };
    return walk;
  }

  /** Remembers an error as raised by the transaction itself. */
  raise(error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#raised.add(error);
  }

  /** Whether the transaction's own calls raised it: the same code may come from anywhere. */
  hasRaised(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#raised.has(error);
  }

  /**
   * Waits for what the body has begun and not waited for, and for what goes on from there at once.
   * @throws what a read failed with that the body has not seen.
   */
  async settle(): Promise<void> {
    this.#bodyEnded = true;
    // Reads of what is in memory take few turns: between two of them none is under way, and more may come all the same.
    for (let quiet = this.#pending.size > 0 ? 0 : TURNS; quiet < TURNS; quiet++) {
      if (this.#pending.size > 0) quiet = 0;
      await (this.#pending.size > 0 ? Promise.all(this.#pending) : undefined);
    }
    const failed = this.#late ?? this.#failed.find(({ read }) => !read.seen);
    if (failed) throw failed.error;
  }

  /** Closes the walks that were left behind. */
  close(): void {
    for (const steps of this.#walks) steps.return().catch(() => {});
    this.#walks.clear();
  }
}
