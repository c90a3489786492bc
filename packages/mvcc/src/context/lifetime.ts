/**
 * Whether an open database still takes calls, and which calls it has taken.
 *
 * It is open; then closing, while what was begun goes on and nothing new begins; then cut off. FORK and ROLLBACK
 * stop it at any moment.
 *
 * Invariants:
 * - Once it has ended it stays so, and every later call hears the same: a database that has seen two histories is
 *   not used again by this process.
 * - What was begun before it began to close may go on to its end, until it is cut off; a call that is begun later,
 *   from wherever, is refused. (Whether it comes from inside a body that was begun can't be told without
 *   AsyncLocalStorage, which is not everywhere.)
 */
import { HoldfastError } from '@holdfast/core';
import { withNext } from './steps.js';

/** What a walk may have besides: its next step, if nothing must be waited for. */
type Soon<T> = AsyncGenerator<T, void, undefined> & {
  readonly soon?: () => IteratorResult<T, void> | undefined;
};

export class Lifetime {
  /** What a new call hears. */
  #ended: HoldfastError | undefined;
  /** What a call that was begun hears. */
  #over: HoldfastError | undefined;
  readonly #ending = new AbortController();
  readonly #cutting = new AbortController();
  /** How each call under way is told that it is over. */
  readonly #begun = new Set<(error: HoldfastError) => void>();
  #idle: (() => void)[] = [];

  /** Aborted when it ends, or begins to close: what only waits for news stops waiting. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Aborted when what was begun is cut off: it has had its time. */
  get cutting(): AbortSignal {
    return this.#cutting.signal;
  }

  /** For a call that begins. @throws HoldfastError CLOSED, or what stopped it. */
  check(): void {
    if (this.#ended) throw this.#ended;
  }

  /**
   * For a step of a call that was begun (a body's reads and writes, its next run): it may go on while the database
   * closes. @throws HoldfastError CLOSED once it is cut off, or what stopped it.
   */
  checkBegun(): void {
    if (this.#over) throw this.#over;
  }

  /**
   * Begins a call: every public method that touches the store runs in one. It settles as `call` does, or with CLOSED
   * when it is cut off. `call` begins synchronously.
   */
  run<T>(call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.check();
      this.#begun.add(reject);
      const end = (): void => {
        this.#begun.delete(reject);
        if (this.#begun.size > 0) return;
        for (const wake of this.#idle) wake();
        this.#idle = [];
      };
      try {
        call().then(
          (value) => {
            end();
            resolve(value);
          },
          (error: unknown) => {
            end();
            reject(error);
          },
        );
      } catch (error) {
        end();
        throw error;
      }
    });
  }

  /**
   * Makes every step of an iterator a call of its own: one that is under way when the database begins to close is
   * settled, the next one is CLOSED. (A watch is no such iterator: it ends by `ending`, without an error.)
   */
  iterate<T>(inner: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
    let refused = false;
    const { soon } = inner as Soon<T>;
    const next = async (): Promise<IteratorResult<T, void>> => {
      try {
        return await this.run(() => inner.next());
      } catch (error) {
        // Whoever is refused doesn't come back: what the walk holds is let go.
        if (!refused && error === this.#ended) {
          refused = true;
          inner.return().catch(() => {});
        }
        throw error;
      }
    };
    if (soon === undefined) return withNext(inner, next);
    // A step that waits for nothing is over before a close could begin.
    return withNext(inner, () => {
      if (this.#ended === undefined)
        try {
          const step = soon.call(inner);
          if (step) return Promise.resolve(step);
        } catch (error) {
          return Promise.reject(error);
        }
      return next();
    });
  }

  /** Ends it with FORK or ROLLBACK. What ended it first stays. */
  stop(error: HoldfastError): void {
    this.#ended ??= error;
    this.#over ??= error;
    this.#ending.abort(error);
  }

  /** Begins to close it: no new calls, and those under way go on. */
  close(): void {
    this.#ended ??= closed('Nothing was done; open it again.');
    this.#ending.abort(this.#ended);
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    if (this.#begun.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** What is under way has had its time: what waits for the store stops waiting. @returns what it hears. */
  cut(): HoldfastError {
    this.#over ??= closed('What was still under way commitTimeoutMs after close() was ended.');
    this.#cutting.abort(this.#over);
    return this.#over;
  }

  /** Tells every call that is still under way after the cut. None of them has anything on its way to the log. */
  abandon(): void {
    for (const reject of [...this.#begun]) reject(this.cut());
  }
}

function closed(detail: string): HoldfastError {
  return new HoldfastError('CLOSED', `This database was closed. ${detail}`);
}
