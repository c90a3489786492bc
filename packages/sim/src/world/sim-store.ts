/**
 * An object store at the other end of a bad network. The objects are in a `MemoryStore`; everything between a
 * machine and them takes virtual time and can go wrong.
 *
 * Invariants:
 * - A call takes effect at the server in one step, when its request arrives, and never before it was sent.
 * - What a machine has sent can't be called back: not by an abort, not by its death.
 * - Nothing is sent through a connection whose database's close() has resolved: it is told as a violation.
 * - Every failure has the code that the S3 adapter gives it (packages/backend-s3/src/failure.ts).
 */
import {
  type CallOptions,
  type Capabilities,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  type MemoryStore,
  type ObjectStore,
  onAbort,
  type PutOptions,
  type PutResult,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';
import type { CallFates, CallFault, Fate, Lie } from './incidents.js';
import { lieOfGet, lieOfList } from './lies.js';
import type { Machine } from './machine.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** Milliseconds, one way. */
export interface Latency {
  readonly fastMs: number;
  /** Nine of ten take up to this, nearly all up to ten times, one in two hundred up to a hundred times. */
  readonly usualMs: number;
}

export interface Store {
  readonly world: World;
  readonly server: MemoryStore;
  readonly incidents: CallFates;
  readonly latency: Latency;
  /** Told of what no engine may do. */
  readonly onViolation?: ((violation: string) => void) | undefined;
  /** Until when nothing arrives, and until when everything is refused; virtual milliseconds. */
  stalledUntilMs: number;
  outUntilMs: number;
}

type Kind = 'get' | 'put' | 'delete' | 'list';

interface Call<T> {
  readonly kind: Kind;
  readonly key: string;
  readonly conditional: boolean;
  readonly bytes: number;
  readonly apply: () => Promise<T>;
  /** What is answered instead, by a store that lies. */
  readonly lie?: ((result: T, lie: Lie, random: Random) => Promise<T>) | undefined;
  /** For the trace. */
  readonly says: (result: T) => string;
}

const ZOMBIE_MS = { from: 20, to: 600_000 } as const;
const PAUSE_MS = { from: 500, to: 90_000 } as const;
const NEVER_MS = 3_600_000;

/** One machine's connection to the store. */
export class SimConnection implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity: string = 'sim:store';
  readonly #store: Store;
  readonly #machine: Machine;
  #ended = false;

  constructor(store: Store, machine: Machine) {
    this.#store = store;
    this.#machine = machine;
  }

  /** The close() of its database has resolved. */
  end(): void {
    this.#ended = true;
  }

  get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const { range } = options;
    return this.#call(options, {
      kind: 'get',
      key,
      conditional: false,
      bytes: 0,
      apply: () => this.#store.server.get(key, range ? { range } : {}),
      lie: (found, lie, random) => lieOfGet(this.#store.server, key, range, found, lie, random),
      says: (found) => (found ? `${found.bytes.length} bytes` : 'absent'),
    });
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const { ifAbsent, ifMatch } = options;
    // The caller may use its buffer again.
    const sent = bytes.slice();
    return this.#call(options, {
      kind: 'put',
      key,
      conditional: ifAbsent === true || ifMatch !== undefined,
      bytes: sent.length,
      apply: () => this.#store.server.put(key, sent, { ifAbsent, ifMatch }),
      says: (result) => (result.occupied ? 'occupied' : 'created'),
    });
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const sent = [...keys];
    return this.#call(options, {
      kind: 'delete',
      key: sent.join(' '),
      conditional: false,
      bytes: 0,
      apply: () => this.#store.server.delete(sent),
      says: () => 'deleted',
    });
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const { after, limit } = options;
    const page = await this.#call<ListedObject[]>(options, {
      kind: 'list',
      key: prefix,
      conditional: false,
      bytes: 0,
      apply: async () => {
        const found: ListedObject[] = [];
        for await (const object of this.#store.server.list(prefix, { after, limit })) found.push(object);
        return found;
      },
      lie: async (found, _, random) => lieOfList(found, random),
      says: (found) => (found.length === 1 ? found[0]!.key : `${found.length} objects`),
    });
    yield* page;
  }

  async #call<T>(options: CallOptions, call: Call<T>): Promise<T> {
    options.signal?.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const { signal } = options;
      // A signal that lives on does not keep what has ended.
      const forget = onAbort(signal, () => {
        const reason: unknown = signal?.reason;
        if (call.kind === 'get' || call.kind === 'list') reject(reason);
        else
          reject(
            new StoreError('UNKNOWN_OUTCOME', `The ${call.kind} was aborted on its way.`, { cause: reason }),
          );
      });
      const what = `${this.#machine.name} ${call.kind} ${call.key}`;
      const fate = this.#store.incidents.ofCall(what, (kind) => fits(kind, call));
      this.#send(
        call,
        fate,
        (result) => {
          forget();
          resolve(result);
        },
        (error) => {
          forget();
          reject(error);
        },
      );
    });
  }

  #send<T>(
    call: Call<T>,
    { fault, random }: Fate,
    resolve: (result: T) => void,
    reject: (error: Error) => void,
  ): void {
    const { world } = this.#store;
    const machine = this.#machine;
    // What is left of a dead machine's code, until it waits for something, sends nothing.
    if (!machine.alive) return;
    const what = `${call.kind} ${call.key}`;
    if (this.#ended)
      this.#store.onViolation?.(`${machine.name} sent ${what} after its close() had resolved.`);
    world.log(machine.name, fault ? `${what} [${fault}]` : what);
    let thereMs = this.#legMs(random, call.bytes);
    const backMs = this.#legMs(random, 0);
    const extra = random.fraction();
    const pauseMs = PAUSE_MS.from + extra * (PAUSE_MS.to - PAUSE_MS.from);
    const answer = (delayMs: number, run: () => void): void => {
      world.after(delayMs, () => machine.deliver(run));
    };
    const fail = (delayMs: number, code: 'UNAVAILABLE' | 'UNKNOWN_OUTCOME', retryAfterMs?: number): void =>
      answer(delayMs, () => {
        world.log(machine.name, `${what} -> ${code}`);
        reject(new StoreError(code, `Simulated: ${fault ?? 'outage'}.`, { retryAfterMs }));
      });
    const unanswered = call.kind === 'put' || call.kind === 'delete' ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
    const succeed = (result: T, delayMs: number): void =>
      answer(delayMs, () => {
        world.log(machine.name, `${what} -> ${call.says(result)}`);
        if (fault === 'crash-on-answer') machine.crash(fault);
        else if (fault === 'pause-on-answer') {
          machine.pause(pauseMs);
          machine.deliver(() => resolve(result));
        } else resolve(result);
      });
    /** Lets it happen at the server after `delayMs`; its answer, if anybody wants it, leaves then. */
    const arrive = (delayMs: number, answered?: (result: T) => void): void => {
      const land = (): void => {
        const waitMs = this.#store.stalledUntilMs - world.nowMs;
        if (waitMs > 0 && !this.#store.incidents.over) {
          world.after(waitMs, land);
          return;
        }
        if (answered && this.#store.outUntilMs > world.nowMs && !this.#store.incidents.over) {
          // Connections are refused, or 503 answers: after that only the former says that nothing happened.
          const refused = extra < 0.5 && fault === undefined;
          fail(backMs, refused ? 'UNAVAILABLE' : unanswered, refused ? undefined : 1_000);
          return;
        }
        const applied = call.apply();
        const said = isLie(fault) ? applied.then((result) => call.lie!(result, fault, random)) : applied;
        said.then(
          (result) => {
            if (!answered) world.log('store', `${what} (${fault}) -> ${call.says(result)}`);
            answered?.(result);
          },
          (error: Error) => answer(backMs, () => reject(error)),
        );
      };
      world.after(delayMs, land);
    };

    switch (fault) {
      case 'crash-before-send':
        machine.crash(fault);
        return;
      case 'pause-before-send':
        machine.pause(pauseMs);
        arrive(pauseMs + thereMs, (result) => succeed(result, backMs));
        return;
      case 'crash-after-send':
        arrive(thereMs);
        // At the next event, not now: its code has not got the promise of this call yet.
        world.after(0, () => machine.crash(fault));
        return;
      case 'refused':
        fail(thereMs, 'UNAVAILABLE');
        return;
      case 'throttled':
        fail(thereMs + backMs, 'UNAVAILABLE', Math.floor(extra * 3_000));
        return;
      case 'error-before':
      case 'conflict':
        fail(thereMs + backMs, unanswered);
        return;
      case 'error-after':
        arrive(thereMs);
        fail(thereMs + backMs, unanswered);
        return;
      case 'lost-request':
      case 'stuck':
        // Never answered: only a deadline ends it.
        return;
      case 'lost-answer':
        arrive(thereMs);
        return;
      case 'partial-body':
        fail(thereMs + 3 * backMs, 'UNAVAILABLE');
        return;
      case 'zombie':
        // As often within seconds as within minutes.
        arrive(ZOMBIE_MS.from + extra ** 4 * (ZOMBIE_MS.to - ZOMBIE_MS.from));
        fail(thereMs + backMs, unanswered);
        return;
      case 'late':
        // About when its sender looks, and sends again.
        arrive(thereMs + backMs + extra * 4 * this.#store.latency.usualMs);
        fail(thereMs + backMs, unanswered);
        return;
      case 'duplicate':
        arrive(thereMs + extra * extra * 120_000);
        arrive(thereMs, (result) => succeed(result, backMs));
        return;
      case 'duplicate-answer':
        // Something on the way has sent it twice, and hands on the second answer.
        arrive(thereMs);
        arrive(thereMs + extra * 200, (result) => succeed(result, backMs));
        return;
      case 'slow':
        thereMs += extra < 0.2 ? 10_000 + extra * NEVER_MS * 0.1 : extra * 8_000;
        arrive(thereMs, (result) => succeed(result, backMs));
        return;
      default:
        arrive(thereMs, (result) => succeed(result, backMs));
        return;
    }
  }

  #legMs(random: Random, bytes: number): number {
    const { latency } = this.#store;
    const luck = random.fraction();
    const spread = luck < 0.9 ? 1 : luck < 0.995 ? 10 : 100;
    return random.between(latency.fastMs, latency.usualMs * spread) + bytes / 50_000;
  }
}

function isLie(fault: CallFault | Lie | undefined): fault is Lie {
  return fault?.startsWith('lie-') ?? false;
}

function fits(kind: CallFault | Lie, call: { kind: Kind; conditional: boolean }): boolean {
  const changes = call.kind === 'put' || call.kind === 'delete';
  if (kind === 'conflict' || kind === 'duplicate-answer') return call.conditional;
  if (kind === 'lie-hide') return call.kind === 'list';
  if (kind === 'partial-body' || kind === 'stuck' || kind.startsWith('lie-')) return call.kind === 'get';
  if (kind === 'zombie' || kind === 'late' || kind === 'duplicate' || kind === 'error-after') return changes;
  return true;
}
