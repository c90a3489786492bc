/**
 * One store that many writers share, at the other end of a network that takes its time and never fails. Requests over
 * the limits of its prefix are answered 503.
 *
 * Invariants:
 * - A call takes effect at the server in one step, halfway through its latency; nothing but virtual time passes.
 * - What was sent can't be called back by an abort.
 * - A 503 has the code that the S3 adapter gives it: the outcome of a put is then unknown to its sender.
 */
import {
  type CallOptions,
  type Capabilities,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  MemoryStore,
  type ObjectStore,
  onAbort,
  type PutOptions,
  type PutResult,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';
import type { Random } from '../world/random.js';
import type { World } from '../world/world.js';
import { type CallKind, LatencyCurve, type LatencyProfile } from './latency.js';
import { RequestLimit } from './request-limit.js';

/** Requests a second for one prefix; a database is one prefix. Amazon S3's figures. */
export const S3_LIMITS: Limits = { writesPerSecond: 3_500, readsPerSecond: 5_500 };

export interface Limits {
  readonly writesPerSecond: number;
  /** Listings are among them. */
  readonly readsPerSecond: number;
}

/** A line of 100 MB/s, whoever has it: bytes a millisecond. */
const BYTES_PER_MS = 100_000;
const KEYS_PER_LIST = 1_000;

export class RemoteStore {
  readonly world: World;
  readonly server: MemoryStore;
  readonly profile: LatencyProfile;
  readonly curves: Readonly<Record<CallKind, LatencyCurve>>;
  /** Answered 503. */
  throttled = 0;
  readonly #writes: RequestLimit;
  readonly #reads: RequestLimit;

  constructor(world: World, profile: LatencyProfile, limits: Limits = S3_LIMITS) {
    this.world = world;
    this.server = new MemoryStore('measured', world.clock);
    this.profile = profile;
    const put = new LatencyCurve(profile.put);
    this.curves = {
      get: new LatencyCurve(profile.get),
      list: new LatencyCurve(profile.list),
      put,
      delete: put,
    };
    this.#writes = new RequestLimit(limits.writesPerSecond);
    this.#reads = new RequestLimit(limits.readsPerSecond);
  }

  admits(kind: CallKind): boolean {
    const limit = kind === 'put' || kind === 'delete' ? this.#writes : this.#reads;
    if (limit.admits(this.world.nowMs)) return true;
    this.throttled++;
    return false;
  }
}

interface Call<T> {
  readonly kind: CallKind;
  readonly bytesOut: number;
  readonly apply: () => Promise<T>;
  readonly bytesIn: (result: T) => number;
  /** Answers that follow each other, where one does not hold it all. */
  readonly pages?: (result: T) => number;
}

/** One writer's connection. */
export class RemoteConnection implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity: string = 'sim:measured';
  readonly #store: RemoteStore;
  readonly #random: Random;
  readonly #multiple: number;

  constructor(store: RemoteStore, writer: number, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#multiple = store.profile.multipleOf(writer);
  }

  get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const { range, maxBytes } = options;
    return this.#call(options, {
      kind: 'get',
      bytesOut: 0,
      apply: () => this.#store.server.get(key, { range, maxBytes }),
      bytesIn: (found) => found?.bytes.length ?? 0,
    });
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const { ifAbsent, ifMatch } = options;
    // The caller may use its buffer again.
    const sent = bytes.slice();
    return this.#call(options, {
      kind: 'put',
      bytesOut: sent.length,
      apply: () => this.#store.server.put(key, sent, { ifAbsent, ifMatch }),
      bytesIn: () => 0,
    });
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const sent = [...keys];
    return this.#call(options, {
      kind: 'delete',
      bytesOut: 0,
      apply: () => this.#store.server.delete(sent),
      bytesIn: () => 0,
    });
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const { after, limit } = options;
    yield* await this.#call<ListedObject[]>(options, {
      kind: 'list',
      bytesOut: 0,
      apply: async () => {
        const found: ListedObject[] = [];
        for await (const object of this.#store.server.list(prefix, { after, limit })) found.push(object);
        return found;
      },
      bytesIn: () => 0,
      pages: (found) => Math.max(1, Math.ceil(found.length / KEYS_PER_LIST)),
    });
  }

  async #call<T>({ signal }: CallOptions, call: Call<T>): Promise<T> {
    signal?.throwIfAborted();
    const changes = call.kind === 'put' || call.kind === 'delete';
    return new Promise<T>((resolve, reject) => {
      const forget = onAbort(signal, () =>
        reject(
          changes
            ? new StoreError('UNKNOWN_OUTCOME', `The ${call.kind} was aborted on its way.`, {
                cause: signal?.reason,
              })
            : signal?.reason,
        ),
      );
      const { world } = this.#store;
      const latencyMs = this.#store.curves[call.kind].draw(this.#random) * this.#multiple;
      const back = (ms: number, run: () => void): void => {
        world.after(ms, () => {
          forget();
          run();
        });
      };
      world.after(latencyMs / 2 + call.bytesOut / BYTES_PER_MS, () => {
        if (!this.#store.admits(call.kind)) {
          const code = changes ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
          back(latencyMs / 2, () => reject(new StoreError(code, 'Simulated: 503 SlowDown.')));
          return;
        }
        call.apply().then(
          (result) => {
            const morePages = (call.pages?.(result) ?? 1) - 1;
            const answerMs = latencyMs / 2 + morePages * latencyMs + call.bytesIn(result) / BYTES_PER_MS;
            back(answerMs, () => resolve(result));
          },
          (error: unknown) => back(latencyMs / 2, () => reject(error)),
        );
      });
    });
  }
}
