import { cutRange } from '../byte-range.js';
import { type Clock, systemClock } from '../clock.js';
import { StoreError } from '../errors.js';
import { compareKeys } from '../key-order.js';
import type {
  CallOptions,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectStore,
  StoredObject,
} from '../object-store.js';
import { CallStore } from './call-store.js';
import { type Call, type CallKind, untilAborted } from './calls.js';

export interface FaultOptions {
  /** How many calls it happens to. 1 unless given; `Infinity`: until `clear`. */
  readonly times?: number | undefined;
  /** Which keys it happens to (of a listing: which prefixes). All unless given. */
  readonly when?: ((key: string) => boolean) | undefined;
}

interface EndlessListing {
  left: number;
  readonly when: (prefix: string) => boolean;
  readonly name: (prefix: string, index: number) => string;
}

/** More than any honest consumer follows in a test. */
const namesMax = 1_000_000;

interface Fault {
  readonly kind: CallKind;
  readonly when: (key: string) => boolean;
  left: number;
  /** @param next makes the call, or meets the next fault. */
  act<T>(call: Call, options: CallOptions, run: () => Promise<T>, next: () => Promise<T>): Promise<T>;
}

/**
 * A store that fails by a script. Without a script it is the store it wraps.
 *
 * Each call meets the first fault, in the order they were asked for, that fits it and is not used up; a delay also
 * lets the next fitting one behind it act.
 */
export class FaultyStore extends CallStore {
  readonly #clock: Clock;
  #faults: Fault[] = [];
  #mutations: { readonly when: (key: string) => boolean; mutate(whole: Uint8Array): Uint8Array }[] = [];
  #hidden: ((key: string) => boolean)[] = [];
  #endless: EndlessListing[] = [];

  /** @param options.clock is what delays are measured by. */
  constructor(store: ObjectStore, options: { readonly clock?: Clock } = {}) {
    super(store);
    this.#clock = options.clock ?? systemClock;
  }

  /** The call fails and nothing happens. UNAVAILABLE unless `error` is given. */
  failBefore(kind: CallKind, options: FaultOptions & { readonly error?: Error | undefined } = {}): this {
    return this.#add(kind, options, async (call) => {
      throw (
        options.error ?? new StoreError('UNAVAILABLE', `Scripted: the ${kind} of ${call.key} never left.`)
      );
    });
  }

  /** The call takes effect and its answer is lost: UNKNOWN_OUTCOME of a put or delete, UNAVAILABLE of a read. */
  loseResponseAfter(kind: CallKind, options: FaultOptions = {}): this {
    return this.#add(kind, options, async (call, _, run) => {
      await run();
      const code = kind === 'put' || kind === 'delete' ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
      throw new StoreError(code, `Scripted: the answer to the ${kind} of ${call.key} was lost.`);
    });
  }

  /** The call waits before it takes effect. */
  delay(kind: CallKind, ms: number, options: FaultOptions = {}): this {
    return this.#add(kind, options, async (_call, callOptions, _run, next) => {
      await this.#clock.sleep(ms, callOptions.signal);
      return next();
    });
  }

  /** The call never answers; it rejects when its signal is aborted. With `effect` it has happened all the same. */
  hang(kind: CallKind, options: FaultOptions & { readonly effect?: boolean | undefined } = {}): this {
    return this.#add(kind, options, async (call, callOptions, run) => {
      if (options.effect) await run();
      try {
        return await untilAborted(callOptions.signal);
      } catch (reason) {
        if (kind === 'get' || kind === 'list') throw reason;
        throw new StoreError('UNKNOWN_OUTCOME', `Scripted: the ${kind} of ${call.key} hung.`, {
          cause: reason,
        });
      }
    });
  }

  /** A get sees the first half of what it asked for, as if the object ended there: a download cut on its way. */
  cutBody(options: FaultOptions = {}): this {
    return this.#add('get', options, async (_call, _options, run) => {
      const found = (await run()) as StoredObject | undefined;
      if (found === undefined) return found as Awaited<ReturnType<typeof run>>;
      const bytes = found.bytes.slice(0, found.bytes.length >> 1);
      return { ...found, bytes, size: bytes.length } as Awaited<ReturnType<typeof run>>;
    });
  }

  /**
   * A get is answered without end, whether the object exists or not: `TOO_LARGE` where its caller has said how much
   * it takes (`maxBytes` or a range), as an adapter ends it. Where it has not, the test fails instead of its memory.
   */
  endlessBody(options: FaultOptions = {}): this {
    return this.#add('get', options, async ({ key, range, maxBytes }) => {
      const bound = maxBytes ?? range?.length ?? Number.POSITIVE_INFINITY;
      if (bound === Number.POSITIVE_INFINITY)
        throw new Error(`Scripted: ${key} has no end, and the get of it has no maxBytes.`);
      throw new StoreError('TOO_LARGE', `Scripted: ${key} goes on after ${bound} bytes.`);
    });
  }

  /**
   * A listing goes on without end, with the names that `name` gives: ascending ones under its prefix unless given.
   * `limit` ends it. It fails the test where nobody ends it, after `namesMax`.
   */
  endlessListing(
    options: FaultOptions & { readonly name?: ((prefix: string, index: number) => string) | undefined } = {},
  ): this {
    const { times = 1, when = () => true } = options;
    const name =
      options.name ?? ((prefix: string, index: number) => `${prefix}${String(index).padStart(9, '0')}`);
    this.#endless.push({ left: times, when, name });
    return this;
  }

  /** Every get sees `mutate(bytes)` instead of the object's bytes; ranges are cut from that. Until `clear`. */
  mutate(when: (key: string) => boolean, mutate: (whole: Uint8Array) => Uint8Array): this {
    this.#mutations.push({ when, mutate });
    return this;
  }

  /** Every get sees one byte changed. A negative offset counts from the end. Until `clear`. */
  corruptByte(key: string, offset: number, mask = 0x01): this {
    return this.mutate(
      (other) => other === key,
      (whole) => {
        const at = offset < 0 ? whole.length + offset : offset;
        if (at < 0 || at >= whole.length || mask === 0) {
          throw new RangeError(
            `${key} has ${whole.length} bytes: none is changed at ${offset} by mask ${mask}.`,
          );
        }
        whole[at]! ^= mask;
        return whole;
      },
    );
  }

  /** Gets and lists do not see these objects; conditions of puts do. Until `clear`. */
  hide(when: (key: string) => boolean): this {
    this.#hidden.push(when);
    return this;
  }

  /** Ends every fault. */
  clear(): void {
    this.#faults = [];
    this.#mutations = [];
    this.#hidden = [];
    this.#endless = [];
  }

  /** Whether all faults that were to happen a number of times have happened. */
  get isUsedUp(): boolean {
    const faults = [...this.#faults, ...this.#endless];
    return faults.every(({ left }) => left === 0 || left === Number.POSITIVE_INFINITY);
  }

  override async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const mutations = this.#mutations.filter((mutation) => mutation.when(key));
    const inner = mutations.length > 0 ? { ...options, range: undefined, maxBytes: undefined } : options;
    const found = await super.get(key, inner);
    if (found === undefined || this.#hidden.some((hides) => hides(key))) return undefined;
    if (mutations.length === 0) return found;
    const whole = mutations.reduce((bytes, { mutate }) => mutate(bytes), found.bytes);
    const { start, end } = cutRange(whole.length, options.range, options.maxBytes);
    return {
      bytes: whole.slice(start, end),
      etag: found.etag,
      size: whole.length,
      modifiedMs: found.modifiedMs,
    };
  }

  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<ListedObject, void, undefined> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const endless = this.#endless.find((fault) => fault.left > 0 && fault.when(prefix));
    if (endless) {
      endless.left--;
      yield* this.#withoutEnd(prefix, options, endless.name);
      return;
    }
    // What is hidden must not use up the limit.
    const inner = this.#hidden.length > 0 ? { ...options, limit: undefined } : options;
    for await (const object of super.list(prefix, inner)) {
      if (this.#hidden.some((hides) => hides(object.key))) continue;
      yield object;
      if (--left <= 0) return;
    }
  }

  async *#withoutEnd(
    prefix: string,
    { after, limit = Number.POSITIVE_INFINITY, signal }: ListOptions,
    name: EndlessListing['name'],
  ): AsyncGenerator<ListedObject, void, undefined> {
    for (let index = 0, given = 0; given < limit; index++) {
      signal?.throwIfAborted();
      if (index >= namesMax) throw new Error(`Scripted: nobody ended the listing of ${prefix}.`);
      const key = name(prefix, index);
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      given++;
      yield { key, size: 1 };
    }
  }

  protected around<T>(call: Call, options: CallOptions, run: () => Promise<T>): Promise<T> {
    return this.#meet(call, options, run);
  }

  async #meet<T>(call: Call, options: CallOptions, run: () => Promise<T>, behind?: Fault): Promise<T> {
    options.signal?.throwIfAborted();
    const keys = call.keys ?? [call.key];
    const faults = behind ? this.#faults.slice(this.#faults.indexOf(behind) + 1) : this.#faults;
    const fault = faults.find(({ kind, left, when }) => kind === call.kind && left > 0 && keys.some(when));
    if (!fault) return run();
    fault.left--;
    return fault.act(call, options, run, () => this.#meet(call, options, run, fault));
  }

  #add(kind: CallKind, options: FaultOptions, act: Fault['act']): this {
    this.#faults.push({ kind, when: options.when ?? (() => true), left: options.times ?? 1, act });
    return this;
  }
}
