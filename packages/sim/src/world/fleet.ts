/** The workers: machines with the engine in them, that come, answer clients and go. */
import { type CryptoProvider, defaultProvider } from '@holdfast/crypto';
import { type Database, openDatabase } from '@holdfast/mvcc';
import { type ClockFaults, Machine, soundClock } from './machine.js';
import { Random } from './random.js';
import type { Scenario } from './scenario.js';
import { SimConnection, type Store } from './sim-store.js';
import type { World } from './world.js';

/** What of a scenario an open database depends on. */
export type EngineSettings = Pick<
  Scenario,
  'seed' | 'sealed' | 'probe' | 'maintenance' | 'commitTimeoutMs' | 'graceMs' | 'cacheBytes'
>;

/** What a client hears of a call. `lost`: nothing, and it may have happened. */
export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'lost' };

const ROOT_KEY = new Uint8Array(32).fill(9);
const RESTART_MS = 300;
const HOP_MS = 1;

export class Fleet {
  readonly #world: World;
  readonly #store: Store;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #crypto: CryptoProvider = defaultProvider();
  #members: Worker[] = [];
  #born = 0;
  #closing = false;

  constructor(world: World, store: Store, scenario: Scenario) {
    this.#world = world;
    this.#store = store;
    this.#scenario = scenario;
    this.#random = new Random(scenario.seed, 'fleet');
    if (!scenario.shortLived) for (let i = 0; i < scenario.machines; i++) this.#replenish(i * 10);
  }

  get members(): readonly Worker[] {
    return this.#members;
  }

  get born(): number {
    return this.#born;
  }

  /** A machine of its own, with clocks that are right if `sound`. */
  spawn(sound = false): Worker {
    const clocks: ClockFaults =
      this.#scenario.badClocks && !sound
        ? {
            offsetMs: Math.floor(this.#random.between(-300_000, 300_000)),
            rate: 1 + this.#random.between(-0.01, 0.01),
            suspends: this.#random.chance(0.5),
          }
        : soundClock;
    const machine = new Machine(this.#world, `m${++this.#born}`, clocks);
    return new Worker(this.#world, this.#store, machine, this.#scenario, this.#crypto);
  }

  /** One of those that run; there may be none for a while. */
  async someone(random: Random): Promise<Worker> {
    if (this.#scenario.shortLived) return this.spawn();
    while (this.#members.length === 0) await this.#world.sleep(RESTART_MS);
    return random.pick(this.#members);
  }

  /** No more restarts; who runs dies. */
  end(): void {
    this.#closing = true;
    for (const { machine } of this.#members.slice()) machine.crash('the end');
  }

  #replenish(delayMs: number): void {
    this.#world.after(delayMs, () => {
      if (this.#closing) return;
      const worker = this.spawn();
      this.#members.push(worker);
      worker.machine.onDeath(() => {
        this.#members = this.#members.filter((other) => other !== worker);
        this.#replenish(RESTART_MS);
      });
    });
  }
}

export class Worker {
  readonly machine: Machine;
  readonly #world: World;
  readonly #open: () => Promise<Database>;
  #opening: Promise<Database> | undefined;

  constructor(
    world: World,
    store: Store,
    machine: Machine,
    scenario: EngineSettings,
    crypto: CryptoProvider,
  ) {
    this.machine = machine;
    this.#world = world;
    const { probe, maintenance, commitTimeoutMs, graceMs, cacheBytes } = scenario;
    this.#open = () =>
      openDatabase(new SimConnection(store, machine), {
        key: scenario.sealed ? ROOT_KEY : 'plaintext',
        clock: machine.clock,
        random: new Random(scenario.seed, `random of ${machine.name}`).bytes,
        crypto,
        probe,
        maintenance,
        commitTimeoutMs,
        graceMs,
        cacheBytes,
      });
  }

  #database(): Promise<Database> {
    if (this.#opening) return this.#opening;
    const opening = this.#open();
    this.#opening = opening;
    // The next caller tries again.
    opening.catch(() => {
      this.#opening = undefined;
    });
    return opening;
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
          this.#database()
            .then(doing)
            .then(
              (value) => reply({ kind: 'ok', value }),
              (error: unknown) => reply({ kind: 'error', error }),
            );
        }),
      );
    });
  }
}
