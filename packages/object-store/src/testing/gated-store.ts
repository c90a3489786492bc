import type { CallOptions, ObjectStore } from '../object-store.js';
import { onAbort } from '../on-abort.js';
import { CallStore } from './call-store.js';
import type { Call } from './calls.js';
import { settled } from './manual-clock.js';

/** A call that waits before it takes effect. */
export interface PendingCall extends Call {
  /** Lets it happen; resolves when it has ended, whether well or not. */
  release(): Promise<void>;
  /** Lets it fail without happening. */
  fail(error: Error): Promise<void>;
}

/** A store in which every call waits until the test releases it, so that any interleaving can be played. */
export class GatedStore extends CallStore {
  readonly #pending: PendingCall[] = [];
  #waiters: (() => void)[] = [];
  #open: boolean;
  readonly #gates: (call: Call) => boolean;

  /**
   * @param options.open calls pass until `shut` is called. False unless given.
   * @param options.when which calls have to wait; all unless given.
   */
  constructor(
    store: ObjectStore,
    options: { readonly open?: boolean; readonly when?: (call: Call) => boolean } = {},
  ) {
    super(store);
    this.#open = options.open ?? false;
    this.#gates = options.when ?? (() => true);
  }

  /** The calls that wait, in the order they came. */
  get pending(): readonly PendingCall[] {
    return [...this.#pending];
  }

  /** Resolves with them once at least `count` calls wait. */
  async waitForPending(count: number): Promise<readonly PendingCall[]> {
    while (this.#pending.length < count) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return this.pending;
  }

  /** Releases all that wait, and lets what comes pass. */
  async open(): Promise<void> {
    this.#open = true;
    await Promise.all(this.pending.map((call) => call.release()));
  }

  /** Lets what comes wait again. */
  shut(): void {
    this.#open = false;
  }

  protected async around<T>(call: Call, options: CallOptions, run: () => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted();
    if (this.#open || !this.#gates(call)) return run();
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        endWait();
        const at = this.#pending.indexOf(pending);
        if (at >= 0) this.#pending.splice(at, 1);
      };
      // It has not been sent yet, so an abort is a sure answer.
      const endWait = onAbort(options.signal, () => {
        leave();
        reject(options.signal?.reason);
      });
      const end = async (outcome: Promise<T>): Promise<void> => {
        leave();
        outcome.then(resolve, reject);
        await outcome.catch(() => undefined);
        // Its caller has heard of it, too.
        await settled();
      };
      const pending: PendingCall = {
        ...call,
        release: () => end(run()),
        fail: (error) => end(Promise.reject(error)),
      };
      this.#pending.push(pending);
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const wake of waiters) wake();
    });
  }
}
