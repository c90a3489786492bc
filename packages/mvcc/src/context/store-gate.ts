/**
 * The innermost door to the bucket: it knows which calls of this database are on their way, whoever made them and
 * whether anyone still waits for them (a hedge that lost, blocks read ahead, a probe that came late).
 *
 * Invariants:
 * - Once it is shut, no call of this database reaches the store any more.
 * - `idle()` resolves only when the store has answered every call that reached it, or given it up.
 */
import {
  type CallOptions,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  onAbort,
} from '@holdfast/object-store';

export class StoreGate {
  /** The store, seen through the gate. */
  readonly store: ObjectStore;
  readonly #inner: ObjectStore;
  readonly #underWay = new Set<AbortController>();
  #shut: { readonly reason: unknown } | undefined;
  #idle: (() => void)[] = [];

  constructor(inner: ObjectStore) {
    this.#inner = inner;
    this.store = {
      capabilities: inner.capabilities,
      identity: inner.identity,
      get: (key, options) => this.#pass(options, (own) => inner.get(key, { ...options, ...own })),
      put: (key, bytes, options) =>
        this.#pass(options, (own) => inner.put(key, bytes, { ...options, ...own })),
      delete: (keys, options) => this.#pass(options, (own) => inner.delete(keys, { ...options, ...own })),
      list: (prefix, options) => this.#list(prefix, options),
    };
  }

  /** Refuses every later call with `reason`, and aborts those on their way. */
  shut(reason: unknown): void {
    this.#shut ??= { reason };
    for (const calling of this.#underWay) calling.abort(reason);
  }

  /** Resolves when no call is on its way. */
  async idle(): Promise<void> {
    if (this.#underWay.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  close(): Promise<void> {
    return this.#inner.close?.() ?? Promise.resolve();
  }

  async #pass<T>(
    { signal }: CallOptions = {},
    call: (own: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    if (this.#shut) throw this.#shut.reason;
    const calling = new AbortController();
    const leave = onAbort(signal, () => calling.abort(signal?.reason));
    this.#underWay.add(calling);
    try {
      return await call({ signal: calling.signal });
    } finally {
      leave();
      this.#left(calling);
    }
  }

  async *#list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    // One for the whole listing: its steps belong to one call. It is on its way while a step is.
    const calling = new AbortController();
    const { signal } = options;
    const leave = onAbort(signal, () => calling.abort(signal?.reason));
    const steps = this.#inner.list(prefix, { ...options, signal: calling.signal })[Symbol.asyncIterator]();
    let done = false;
    try {
      for (;;) {
        if (this.#shut) throw this.#shut.reason;
        this.#underWay.add(calling);
        const step = await steps.next().finally(() => this.#left(calling));
        if (step.done) {
          done = true;
          return;
        }
        yield step.value;
      }
    } finally {
      leave();
      if (!done) await steps.return?.();
    }
  }

  #left(calling: AbortController): void {
    this.#underWay.delete(calling);
    if (this.#underWay.size > 0) return;
    for (const wake of this.#idle) wake();
    this.#idle = [];
  }
}
