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
import { INTENT_PREFIX } from '@holdfast/core';
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
import type { RequestLimit } from '../measure/request-limit.js';
import type { CallFates, CallFault, Fate, Lie } from './incidents.js';
import { lieOfGet, lieOfList } from './lies.js';
import type { Machine } from './machine.js';
import { type CallKind, type Latency, type Network, unevenNetwork } from './network.js';
import { Random } from './random.js';
import type { World } from './world.js';

export interface Store {
  readonly world: World;
  readonly server: MemoryStore;
  readonly incidents: CallFates;
  /** Of connections that have no network of their own. */
  readonly latency: Latency;
  /** What it takes a second; undefined: any number. */
  readonly limits?: Readonly<Record<'reads' | 'writes', RequestLimit>> | undefined;
  /** Objects that it says nothing of, to reads and in listings, until that time. */
  readonly hiddenUntilMs?: Map<string, number> | undefined;
  /** Told of what no engine may do. */
  readonly onViolation?: ((violation: string) => void) | undefined;
  /** Until when nothing arrives, and until when everything is refused; virtual milliseconds. */
  stalledUntilMs: number;
  outUntilMs: number;
}

/** A store that is near and well, and that nothing befalls, but for what is said in `parts`. */
export function storeIn(world: World, parts: Partial<Store>): Store {
  return {
    world,
    server: new MemoryStore('sim', world.clock),
    incidents: { over: true, ofCall: (what) => ({ fault: undefined, random: new Random(1, what) }) },
    latency: { fastMs: 1, usualMs: 2 },
    stalledUntilMs: 0,
    outUntilMs: 0,
    ...parts,
  };
}

interface Call<T> {
  readonly kind: CallKind;
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
const BYTES_PER_MS = 50_000;
/** What a store that has had too many requests asks its callers to wait. */
const LIMITED_MS = 100;

/** One machine's connection to the store. */
export class SimConnection implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity: string = 'sim:store';
  readonly #store: Store;
  readonly #machine: Machine;
  readonly #network: Network;
  #ended = false;

  /** @param network its own; default: the store's. */
  constructor(store: Store, machine: Machine, network: Network = unevenNetwork(store.latency)) {
    this.#store = store;
    this.#machine = machine;
    this.#network = network;
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
      apply: async () =>
        this.#isHidden(key) ? undefined : this.#store.server.get(key, range ? { range } : {}),
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
        for await (const object of this.#store.server.list(prefix, { after, limit }))
          if (!this.#isHidden(object.key)) found.push(object);
        return found;
      },
      lie: async (found, _, random) => lieOfList(found, random),
      says: (found) => (found.length === 1 ? found[0]!.key : `${found.length} objects`),
    });
    yield* page;
  }

  #isHidden(key: string): boolean {
    const { hiddenUntilMs, incidents, world } = this.#store;
    return !incidents.over && (hiddenUntilMs?.get(key) ?? 0) > world.nowMs;
  }

  async #call<T>(options: CallOptions, call: Call<T>): Promise<T> {
    options.signal?.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const { signal } = options;
      const { world } = this.#store;
      let over: ((nowMs: number) => void) | undefined;
      // A signal that lives on does not keep what has ended.
      const forget = onAbort(signal, () => {
        const reason: unknown = signal?.reason;
        over?.(world.nowMs);
        if (call.kind === 'get' || call.kind === 'list') reject(reason);
        else
          reject(
            new StoreError('UNKNOWN_OUTCOME', `The ${call.kind} was aborted on its way.`, { cause: reason }),
          );
      });
      const what = `${this.#machine.name} ${call.kind} ${call.key}`;
      const fate = this.#store.incidents.ofCall(what, (kind) => fits(kind, call));
      if (fate.fault) over = world.troubles.begin(this.#machine.name, world.nowMs);
      this.#send(
        call,
        fate,
        (result) => {
          over?.(world.nowMs);
          forget();
          resolve(result);
        },
        (error) => {
          over?.(world.nowMs);
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
    let thereMs = this.#network.legMs(call.kind, random) + call.bytes / BYTES_PER_MS;
    const backMs = this.#network.legMs(call.kind, random);
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
        if (answered && !this.#admits(call)) {
          world.troubles.add(machine.name, world.nowMs);
          fail(backMs, unanswered, LIMITED_MS);
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
        arrive(thereMs + backMs + extra * 4 * this.#network.usualMs);
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

  /** Whether the store takes it, or has had too many this second. */
  #admits({ kind }: { kind: CallKind }): boolean {
    const { limits, incidents, world } = this.#store;
    if (!limits || incidents.over) return true;
    return limits[kind === 'get' || kind === 'list' ? 'reads' : 'writes'].admits(world.nowMs);
  }
}

function isLie(fault: CallFault | Lie | undefined): fault is Lie {
  return fault?.startsWith('lie-') || fault?.startsWith('intent-') || false;
}

function fits(kind: CallFault | Lie, call: Pick<Call<unknown>, 'kind' | 'key' | 'conditional'>): boolean {
  const changes = call.kind === 'put' || call.kind === 'delete';
  if (kind.startsWith('intent-'))
    return call.key.startsWith(INTENT_PREFIX) && call.kind === (kind === 'intent-hide' ? 'list' : 'get');
  if (kind === 'conflict' || kind === 'duplicate-answer') return call.conditional;
  if (kind === 'lie-hide') return call.kind === 'list';
  if (kind === 'partial-body' || kind === 'stuck' || kind.startsWith('lie-')) return call.kind === 'get';
  if (kind === 'zombie' || kind === 'late' || kind === 'duplicate' || kind === 'error-after') return changes;
  return true;
}
