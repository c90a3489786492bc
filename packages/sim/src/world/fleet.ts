/** The workers: machines with the engine in them, that come, answer clients and go. */
import { HoldfastError } from '@holdfast/core';
import { type CryptoProvider, defaultProvider } from '@holdfast/crypto';
import { type Database, type OpenOptions, openDatabase } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { checkClosed } from './closing.js';
import type { Listeners } from './listeners.js';
import { type ClockFaults, Machine, soundClock } from './machine.js';
import { type Network, networkTo } from './network.js';
import { Random } from './random.js';
import type { Scenario } from './shape.js';
import { SimConnection, type Store, storeIn } from './sim-store.js';
import type { World } from './world.js';

/** What of a scenario an open database depends on. */
export type EngineSettings = Pick<
  Scenario,
  | 'seed'
  | 'sealed'
  | 'probe'
  | 'maintenance'
  | 'commitTimeoutMs'
  | 'graceMs'
  | 'cacheBytes'
  | 'compaction'
  | 'retention'
>;

/** What a client hears of a call. `lost`: nothing, and it may have happened. */
export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** `cut`: the database was being closed, and what was under way had been given the time that a commit is given. */
  | { readonly kind: 'error'; readonly error: unknown; readonly cut?: boolean }
  | { readonly kind: 'lost' };

const ROOT_KEY = new Uint8Array(32).fill(9);
const RESTART_MS = 300;
/** How often a client of many asks the database that is its own. */
const HOME_SHARE = 0.85;
const HOP_MS = 1;
/** Longer than every deadline of the engine, and than every pause. */
const CLOSE_MS_MAX = 1_800_000;

export class Fleet {
  readonly #world: World;
  readonly #store: Store;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #listeners: Listeners | undefined;
  readonly #crypto: CryptoProvider = defaultProvider();
  /** Another database, which nothing ever goes wrong with. */
  readonly #other: Store;
  #members: Worker[] = [];
  /** Machines that there have been at each place. */
  readonly #lives: Map<number, number> = new Map();
  #born = 0;
  #closing = false;

  constructor(world: World, store: Store, scenario: Scenario, listeners?: Listeners) {
    this.#world = world;
    this.#store = store;
    this.#scenario = scenario;
    this.#listeners = listeners;
    this.#random = new Random(scenario.seed, 'fleet');
    this.#other = storeIn(world, { server: new MemoryStore('other', world.clock) });
    if (!scenario.shortLived) for (let i = 0; i < scenario.machines; i++) this.#replenish(i * 10, i);
  }

  get members(): readonly Worker[] {
    return this.#members;
  }

  get born(): number {
    return this.#born;
  }

  /**
   * A machine of its own, with clocks that are right if `sound`.
   * @param place where there are many: which of the databases it is.
   */
  spawn(sound = false, place?: number): Worker {
    const clocks: ClockFaults =
      this.#scenario.badClocks && !sound
        ? {
            offsetMs: Math.floor(this.#random.between(-300_000, 300_000)),
            rate: 1 + this.#random.between(-0.01, 0.01),
            suspends: this.#random.chance(0.5),
          }
        : soundClock;
    const machine = new Machine(this.#world, `m${++this.#born}`, clocks);
    const { seed } = this.#scenario;
    return new Worker(this.#world, this.#store, machine, this.#scenario, this.#crypto, {
      ...(place === undefined ? {} : this.#standingAt(place)),
      listeners: this.#listeners,
      other: () =>
        openDatabase(new SimConnection(this.#other, machine), {
          key: 'plaintext',
          probe: 'skip',
          clock: machine.clock,
          random: new Random(seed, `other random of ${machine.name}`).bytes,
          crypto: this.#crypto,
        }),
    });
  }

  /**
   * One of those that run; there may be none for a while.
   * @param home which of many databases is asked as a rule.
   */
  async someone(random: Random, home?: number): Promise<Worker> {
    if (this.#scenario.contention) return this.#someoneOfMany(random, home);
    if (this.#scenario.shortLived) return this.spawn();
    while (this.#members.length === 0) await this.#world.sleep(RESTART_MS);
    return random.pick(this.#members);
  }

  async #someoneOfMany(random: Random, home: number | undefined): Promise<Worker> {
    const isHome = random.chance(HOME_SHARE) && home !== undefined;
    const place = isHome ? home : random.below(this.#scenario.machines);
    if (this.#scenario.shortLived) return this.spawn(false, place);
    for (;;) {
      const member = this.#members.find((each) => each.place === place);
      if (member) return member;
      await this.#world.sleep(RESTART_MS);
    }
  }

  /** Its network, and its random source: clones are born two by two. */
  #standingAt(place: number): Pick<Surroundings, 'place' | 'network' | 'randomName'> {
    const { latencies, roundTripsMs, clones } = this.#scenario.contention!;
    const network = networkTo(latencies, roundTripsMs[place]! / latencies.write.p50);
    if (!clones) return { place, network };
    const lives = (this.#lives.get(place) ?? 0) + 1;
    this.#lives.set(place, lives);
    return { place, network, randomName: `random of clones ${place >> 1}, life ${lives}` };
  }

  /** No more restarts; who runs dies. */
  end(): void {
    this.#closing = true;
    for (const { machine } of this.#members.slice()) machine.crash('the end');
  }

  #replenish(delayMs: number, place: number): void {
    this.#world.after(delayMs, () => {
      if (this.#closing) return;
      const worker = this.spawn(false, this.#scenario.contention && place);
      this.#members.push(worker);
      worker.machine.onDeath(() => {
        this.#members = this.#members.filter((other) => other !== worker);
        this.#replenish(RESTART_MS, place);
      });
    });
  }
}

/** What is around the database of a worker. */
export interface Surroundings {
  readonly listeners?: Listeners | undefined;
  readonly other?: (() => Promise<Database>) | undefined;
  /** Which of many databases it is. */
  readonly place?: number | undefined;
  /** Default: the store's. */
  readonly network?: Network | undefined;
  /** Machines that have this in common draw the same. */
  readonly randomName?: string | undefined;
}

/** One database of a worker, from its opening to its close. */
interface Handle {
  readonly opening: Promise<Database>;
  readonly connection: SimConnection;
  /** Once it is open. */
  db: Database | undefined;
}

export class Worker {
  readonly machine: Machine;
  readonly place: number | undefined;
  readonly #world: World;
  readonly #store: Store;
  readonly #open: () => Handle;
  readonly #openOther: (() => Promise<Database>) | undefined;
  readonly #commitTimeoutMs: number;
  /** Databases whose close has taken as long as a commit may, by the machine's timers: clocks may stand still. */
  readonly #cut: WeakSet<Database> = new WeakSet();
  #handle: Handle | undefined;
  #other: Promise<Database> | undefined;
  /** What callers wait for before they open it anew. */
  #closing: Promise<void> | undefined;

  constructor(
    world: World,
    store: Store,
    machine: Machine,
    scenario: EngineSettings,
    crypto: CryptoProvider,
    { listeners, other, place, network, randomName = `random of ${machine.name}` }: Surroundings = {},
  ) {
    this.machine = machine;
    this.place = place;
    this.#world = world;
    this.#store = store;
    this.#openOther = other;
    const { probe, maintenance, commitTimeoutMs, graceMs, cacheBytes, compaction, retention } = scenario;
    this.#commitTimeoutMs = commitTimeoutMs;
    // One stream for all that this machine ever opens: what is opened again draws on.
    const random = new Random(scenario.seed, randomName).bytes;
    this.#open = () => {
      const connection = new SimConnection(store, machine, network);
      const told = listeners?.of(machine);
      const options: OpenOptions = {
        key: scenario.sealed ? ROOT_KEY : 'plaintext',
        clock: machine.clock,
        random,
        crypto,
        probe,
        maintenance,
        commitTimeoutMs,
        graceMs,
        cacheBytes,
        compaction,
        retention,
        ...told,
        onEvent: (event) => {
          if (event.type === 'compaction') world.compactions++;
          return told?.onEvent?.(event);
        },
      };
      const handle: Handle = { connection, opening: openDatabase(connection, options), db: undefined };
      handle.opening.then(
        (db) => {
          handle.db = db;
        },
        () => this.#drop(handle),
      );
      return handle;
    };
  }

  async #database(): Promise<Database> {
    await this.#closing;
    this.#handle ??= this.#open();
    return this.#handle.opening;
  }

  /** The next caller opens it anew. */
  #drop(handle: Handle | undefined): void {
    if (handle && this.#handle === handle) this.#handle = undefined;
  }

  /** The machine's other database, which has nothing to do with the first. */
  other(): Promise<Database> {
    if (!this.#openOther) throw new Error('This worker has no other database.');
    this.#other ??= this.#openOther();
    return this.#other;
  }

  /**
   * Closes the database under all that is under way, twice, and looks that it stays closed.
   * @param patient whoever asks next waits for it; else the next one is opened beside it.
   * @returns false: none is open.
   */
  close(patient: boolean, random: Random): boolean {
    const handle = this.#handle;
    if (!handle?.db || !this.machine.alive) return false;
    this.#drop(handle);
    const { db } = handle;
    this.machine.clock.sleep(this.#commitTimeoutMs).then(() => this.#cut.add(db));
    this.#world.log(this.machine.name, `closes its database${patient ? '' : ', and does not wait'}`);
    this.#world.troubles.add(this.machine.name, this.#world.nowMs);
    const violation = (text: string): void => this.#store.onViolation?.(`${this.machine.name}: ${text}`);
    const closed = checkClosed(db, random, violation).then(() => {
      this.#world.log(this.machine.name, 'has closed its database');
      handle.connection.end();
    });
    // Whatever goes wrong on the way is bounded by deadlines.
    let ended = false;
    closed.then(() => {
      ended = true;
    });
    this.machine.clock.sleep(CLOSE_MS_MAX).then(() => {
      if (!ended) violation(`close() has not resolved within ${CLOSE_MS_MAX} ms.`);
    });
    if (patient) {
      this.#closing = closed;
      closed.then(() => {
        if (this.#closing === closed) this.#closing = undefined;
      });
    }
    return true;
  }

  /** Asks the machine to do something with its database, and waits for the answer for so long. */
  call<T>(doing: (db: Database) => Promise<T>, timeoutMs: number): Promise<Answer<T>> {
    const { machine } = this;
    return new Promise((resolve) => {
      const hear = (answer: Answer<T>): void => {
        timer.cancel();
        forget();
        resolve(answer);
      };
      const timer = this.#world.after(timeoutMs, () => hear({ kind: 'lost' }));
      const forget = machine.onDeath(() => this.#world.after(HOP_MS, () => hear({ kind: 'lost' })));
      const reply = (answer: Answer<T>): void => {
        if (machine.alive) this.#world.after(HOP_MS, () => hear(answer));
      };
      if (!machine.alive) {
        this.#world.after(HOP_MS, () => hear({ kind: 'lost' }));
        return;
      }
      this.#world.after(HOP_MS, () =>
        machine.deliver(() => {
          let used: Database | undefined;
          this.#database()
            .then((db) => {
              used = db;
              return doing(db);
            })
            .then(
              (value) => reply({ kind: 'ok', value }),
              (error: unknown) => {
                // It stays stopped: who goes on opens another.
                if (isStopped(error)) this.#drop(this.#handle);
                reply({ kind: 'error', error, cut: used !== undefined && this.#cut.has(used) });
              },
            );
        }),
      );
    });
  }
}

/** FORK and ROLLBACK: the database is not used again. */
function isStopped(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'FORK' || error.code === 'ROLLBACK');
}
