/**
 * Repeats what may be repeated, with full-jitter exponential backoff (see backoff.ts).
 *
 * Invariants:
 * - A conditional put is sent again only after UNAVAILABLE, which says that nothing happened. Whatever leaves its
 *   outcome open ends in UNKNOWN_OUTCOME: only its caller can tell its own object from another's.
 * - Once one attempt at a write has had an unknown outcome, a failure of the whole call is UNKNOWN_OUTCOME.
 * - Attempts and pauses end with the call's time (`totalMs`, `CallOptions.timeoutMs`), whatever `Retry-After` asks
 *   for. What is left of it is handed on, so a store that repeats by itself does not begin what can't be awaited.
 * - What a listing's store gives is checked (see listing-check.ts), so no listing is repeated or followed for ever.
 *
 * A lost attempt at an unconditional put may still arrive after the call has returned. Give each key one content.
 */
import { jitteredMs } from './backoff.js';
import { type Clock, type RandomBytes, systemClock } from './clock.js';
import { StoreError } from './errors.js';
import { ListingCheck } from './listing-check.js';
import type {
  CallOptions,
  ListedObject,
  ListOptions,
  Meter,
  ObjectStore,
  RequestClass,
} from './object-store.js';
import { systemRandom } from './random.js';
import { sameStore, within } from './wrapping.js';

export interface RetryOptions {
  readonly clock?: Clock | undefined;
  /** For the jitter. */
  readonly random?: RandomBytes | undefined;
  /** How often a call is sent at most. 8 unless given. */
  readonly attemptsMax?: number | undefined;
  /** Milliseconds for one attempt (for one answer of a listing). 15,000 unless given. */
  readonly attemptMs?: number | undefined;
  /** Milliseconds for a call with all its attempts and pauses. 60,000 unless given; `CallOptions.timeoutMs` lowers it. */
  readonly totalMs?: number | undefined;
  /** Upper bound of the first pause; each further one doubles it. 50 unless given. */
  readonly backoffMs?: number | undefined;
  /** Upper bound of every pause, before what the store itself asks for. 5,000 unless given. */
  readonly backoffMsMax?: number | undefined;
  /** Told of each repetition, like the call's own meter. */
  readonly meter?: Meter | undefined;
}

export function withRetry(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  const repeater = new Repeater(options);
  return {
    ...sameStore(store),
    get: (key, o = {}) =>
      repeater.run('read', o, true, `Reading ${key}`, (own) => store.get(key, { ...o, ...own })),
    put: (key, bytes, o = {}) => {
      const repeatable = !o.ifAbsent && o.ifMatch === undefined;
      return repeater.run('write', o, repeatable, `Writing ${key}`, (own) =>
        store.put(key, bytes, { ...o, ...own }),
      );
    },
    delete: (keys, o = {}) =>
      repeater.run('delete', o, true, `Deleting ${keys.length} objects`, (own) =>
        store.delete(keys, { ...o, ...own }),
      ),
    list: (prefix, o = {}) => listWithRetry(store, repeater, prefix, o),
  };
}

/** A call's attempts so far. */
interface Attempts {
  count: number;
  /** By the clock's `monotonic`. */
  readonly endsAtMs: number;
  unknown: StoreError | undefined;
}

/** What one attempt is given instead of its call's own. */
interface OwnOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

class Repeater {
  readonly #options: RetryOptions;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  async run<T>(
    kind: RequestClass,
    options: CallOptions,
    repeatable: boolean,
    doing: string,
    call: (own: OwnOptions) => Promise<T>,
  ): Promise<T> {
    const attempts = this.begin(options);
    for (;;) {
      try {
        return await this.attempt(attempts, kind, options, doing, call);
      } catch (error) {
        await this.pause(attempts, kind, options, repeatable, error);
      }
    }
  }

  begin({ timeoutMs = Number.POSITIVE_INFINITY }: CallOptions): Attempts {
    const ms = Math.min(this.#options.totalMs ?? 60_000, timeoutMs);
    return { count: 0, endsAtMs: this.#clock.monotonic() + ms, unknown: undefined };
  }

  async attempt<T>(
    attempts: Attempts,
    kind: RequestClass,
    options: CallOptions,
    doing: string,
    call: (own: OwnOptions) => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const leftMs = this.#leftMs(attempts);
    // Also when what was given is no number.
    if (!(leftMs > 0)) throw new StoreError('UNAVAILABLE', `${doing} has no time left.`);
    attempts.count++;
    const changes = kind === 'write' || kind === 'delete';
    const ms = Math.min(this.#options.attemptMs ?? 15_000, leftMs);
    const code = changes ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
    return within((signal) => call({ signal, timeoutMs: ms }), {
      clock: this.#clock,
      ms,
      signal: options.signal,
      expired: () => new StoreError(code, `${doing} was not answered within ${Math.round(ms)} ms.`),
      aborted: (reason) =>
        changes ? new StoreError(code, `${doing} was aborted on its way.`, { cause: reason }) : reason,
    });
  }

  /** Waits before the next attempt; throws when there is to be none. */
  async pause(
    attempts: Attempts,
    kind: RequestClass,
    options: CallOptions,
    repeatable: boolean,
    error: unknown,
  ): Promise<void> {
    if (!(error instanceof StoreError)) throw attempts.unknown ?? error;
    if (error.code === 'UNKNOWN_OUTCOME') attempts.unknown = error;
    const { backoffMs: firstMs = 50, backoffMsMax: maxMs = 5_000 } = this.#options;
    const jitterMs = jitteredMs(this.#random, attempts.count - 1, { firstMs, maxMs });
    const pauseMs = jitterMs + Math.max(0, error.retryAfterMs ?? 0);
    const again =
      !options.signal?.aborted &&
      (error.code === 'UNAVAILABLE' || (error.code === 'UNKNOWN_OUTCOME' && repeatable)) &&
      attempts.count < (this.#options.attemptsMax ?? 8) &&
      pauseMs < this.#leftMs(attempts);
    if (!again) throw attempts.unknown ?? error;
    try {
      await this.#clock.sleep(pauseMs, options.signal);
    } catch (reason) {
      throw attempts.unknown ?? reason;
    }
    this.#options.meter?.retry(kind);
    options.meter?.retry(kind);
  }

  #leftMs(attempts: Attempts): number {
    return attempts.endsAtMs - this.#clock.monotonic();
  }
}

/**
 * A listing that fails goes on behind the last key it gave, or, in a store without order, begins anew and leaves
 * out what it gave before. Attempts and deadlines count from the last new key: the consumer's own time is free.
 */
async function* listWithRetry(
  store: ObjectStore,
  repeater: Repeater,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const check = new ListingCheck(prefix, options.after, store.capabilities.orderedList);
  let count = 0;
  let listing = begin();

  function begin(): { iterator: AsyncIterator<ListedObject>; calling: AbortController } {
    const calling = new AbortController();
    // What an unordered store leaves out is up to it, so there the limit is kept here.
    const unordered = !store.capabilities.orderedList;
    const left = limit === Number.POSITIVE_INFINITY || (unordered && count > 0) ? undefined : limit - count;
    const { after } = check;
    // Without a time of its own: it has one for each step.
    const objects = store.list(prefix, {
      ...options,
      signal: calling.signal,
      timeoutMs: undefined,
      after,
      limit: left,
    });
    return { iterator: objects[Symbol.asyncIterator](), calling };
  }

  /** The next object that was not given before. */
  async function next(): Promise<ListedObject | undefined> {
    const attempts = repeater.begin(options);
    for (;;) {
      const { iterator, calling } = listing;
      try {
        const result = await repeater.attempt(
          attempts,
          'list',
          options,
          `Listing ${prefix}`,
          ({ signal }) => {
            signal.addEventListener('abort', () => calling.abort(signal.reason), { once: true });
            return iterator.next();
          },
        );
        if (result.done) return undefined;
        if (check.take(result.value.key)) return result.value;
        // What is left out costs no attempt: the check knows when it is too much.
        attempts.count--;
      } catch (error) {
        if (!check.resumable) throw error;
        await repeater.pause(attempts, 'list', options, true, error);
        check.restart();
        listing = begin();
      }
    }
  }

  try {
    while (count < limit) {
      const object = await next();
      if (object === undefined) return;
      count++;
      yield object;
    }
  } finally {
    // Not awaited: a listing that hangs would never return.
    listing.iterator.return?.().catch(() => undefined);
  }
}
