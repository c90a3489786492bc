/**
 * One client: asks workers for transactions, one after the other, and keeps asking until it knows what became of
 * each (where its requests have names), or notes that it does not.
 */
import { HoldfastError } from '@holdfast/core';
import type { Database, RequestId, Snapshot } from '@holdfast/mvcc';
import type { CallOptions } from '@holdfast/object-store';
import type { Operation } from '../check/history.js';
import type { Answer, Fleet, Worker } from '../world/fleet.js';
import type { CallerFates } from '../world/incidents.js';
import { Random } from '../world/random.js';
import type { Role, Scenario } from '../world/shape.js';
import type { World } from '../world/world.js';
import type { Part } from './crowd.js';
import { type Deed, type Ledger, type RequestName, resultOf } from './ledger.js';
import { compare, follow, lookAt } from './looks.js';
import type { Result } from './program.js';
import { ACCOUNTS, makeProgram, type WritingRole } from './programs.js';
import { AREAS, type Area, widthOf } from './ranges.js';
import { breakStream, readStream, replaceStream } from './streams.js';
import { WaitMeter } from './wait-meter.js';

/** What a call is for. */
type Call = Role | 'outcome' | 'looks';

/** What a client may hear in a world where the store does not lie. */
const EXPECTED = new Set([
  'CONFLICT',
  'TRANSACTION_TOO_OLD',
  'UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'REQUEST_CLOSED',
  'REQUEST_SETTLED',
  'SNAPSHOT_EXPIRED',
]);
/** And where it does. */
const EXPECTED_OF_LIARS = new Set([
  ...EXPECTED,
  'CORRUPT',
  'FORK',
  'ROLLBACK',
  'WRONG_KEY',
  'UNSUPPORTED_FORMAT',
  'STORE_UNSAFE',
  'PREFIX_IN_USE',
]);
/**
 * Who reads on after a close(), at the next step of a walk or from a snapshot, may be told that it was closed. What was
 * one call, begun before it, is settled: it is cut when it takes longer than a commit may.
 */
const READS_ON: ReadonlySet<Call> = new Set(['sums', 'snapshots', 'watches', 'looks']);
/** What ends when it is aborted, and does not wait for the store to answer. A write that was sent has to learn. */
const ENDS_AT_ONCE: ReadonlySet<Call> = new Set(['sums', 'snapshots', 'watches', 'stale', 'looks']);
const ABORT_MS_MAX = 5_000;
const AT_ONCE_MS = 50;
const SENDS_MAX = 6;
/** Clocks run up to 1 % wrong, and a staleness is measured on the worker's. */
const STALENESS_SLACK = 1.05;

export class Client {
  readonly name: string;
  readonly #part: Part;
  readonly #world: World;
  readonly #fleet: Fleet;
  readonly #scenario: Scenario;
  readonly #ledger: Ledger;
  readonly #fates: CallerFates;
  readonly #random: Random;
  /** What it aborts all its calls with, where they share a signal. */
  #stop: AbortController = new AbortController();
  /** Session numbers whose outcome is not known yet. */
  readonly #open: Set<number> = new Set();
  #number = 0;

  constructor(
    part: Part,
    world: World,
    fleet: Fleet,
    scenario: Scenario,
    ledger: Ledger,
    fates: CallerFates,
  ) {
    this.name = part.name;
    this.#part = part;
    this.#world = world;
    this.#fleet = fleet;
    this.#scenario = scenario;
    this.#ledger = ledger;
    this.#fates = fates;
    this.#random = new Random(scenario.seed, `client ${part.name}`);
  }

  async run(): Promise<void> {
    for (let i = 0; i < this.#part.transactions; i++) {
      await this.#world.sleep(this.#random.between(0, this.#part.thinkMs));
      await this.#act(this.#random.pick(this.#part.roles));
    }
  }

  async #act(role: Role): Promise<void> {
    switch (role) {
      case 'sums':
        return this.#sum();
      case 'snapshots':
        return this.#snapshot();
      case 'stale':
        return this.#read(this.#random.pick([0, 50, 2_000]));
      case 'flushes':
        await this.#ask(role, (db: Flushing, _, signal) => db.flush({ signal }));
        // A call of its own: between the two the database may have been closed.
        if (this.#scenario.compaction)
          await this.#ask(role, (db, _, signal) =>
            db.compact({ all: this.#scenario.seed % 2 === 0, signal }),
          );
        if (this.#scenario.retention)
          await this.#ask(role, async (db, _, signal) => {
            const { removed } = await db.gc({ signal });
            for (const { objects } of Object.values(removed)) this.#world.collected += objects;
          });
        return;
      case 'watches':
        return this.#watch();
      case 'ranges':
        return this.#inArea('field');
      case 'expiry':
        return this.#inArea('lease');
      case 'streams':
        return this.#stream();
      case 'visits':
        return this.#visit();
      case 'large':
        // They weigh as much as a hundred others.
        return this.#write(this.#random.chance(0.2) ? 'large' : 'lists');
      default:
        return this.#write(role);
    }
  }

  async #write(role: WritingRole): Promise<void> {
    const program = makeProgram(role, this.#ledger.nextId(), this.#random, this.#scenario);
    const request = program.nameless ? undefined : this.#nameRequest(program.id);
    const deed = this.#ledger.begin(program, this.name, request, this.#world.stamp());
    const pauseMs = this.#random.chance(0.2) ? this.#random.between(1, this.#part.pauseMs) : 0;
    const sends = request === undefined ? 1 : SENDS_MAX;
    while (deed.sends < sends) {
      await this.#send(deed, pauseMs);
      if (deed.outcome !== 'unknown') break;
      await this.#world.sleep(this.#random.between(0, 2_000));
      if (request !== undefined && this.#random.chance(0.3))
        await this.#inquire(deed, this.#random.chance(0.3));
      if (deed.outcome !== 'unknown') break;
    }
    this.#world.log(this.name, `${role} ${program.id}: ${deed.outcome}`);
  }

  #nameRequest(id: number): RequestName | undefined {
    switch (this.#part.requests) {
      case 'none':
        return undefined;
      case 'ids':
        return `${this.name}/${id}`;
      case 'sessions':
        this.#open.add(++this.#number);
        return { session: this.name, number: this.#number };
    }
  }

  /** A session may forget what lies below its oldest open number. */
  #requestId(request: RequestName): RequestId {
    if (typeof request === 'string') return request;
    const oldest = Math.min(request.number, ...this.#open);
    return { ...request, settled: oldest - 1 };
  }

  async #send(deed: Deed, pauseMs: number): Promise<void> {
    const { program, request } = deed;
    const { isolation, maxRetries } = this.#scenario;
    deed.sends++;
    const meter = new WaitMeter(this.#world);
    const answer = await this.#ask(
      program.role,
      async (db, worker, signal): Promise<Result> => {
        const requestId = request === undefined ? {} : { requestId: this.#requestId(request) };
        const { clock } = worker.machine;
        meter.begin(worker);
        const around = {
          pause: () => (pauseMs ? meter.pause(clock.sleep(pauseMs, signal)) : Promise.resolve()),
          other: () => worker.other(),
          ...(request === undefined ? { nowMs: () => clock.now() } : {}),
        };
        if (program.own) {
          await program.own.ask(db, { ...requestId, signal }, around);
          return program.own.result;
        }
        const input = request === undefined ? {} : { input: program.id };
        return db.transact((tx) => program.body(tx, around), {
          isolation,
          maxRetries,
          signal,
          ...requestId,
          ...input,
        });
      },
      program.refused,
    );
    const wait = meter.end(program, answer, this.#scenario.contention);
    if (wait) this.#ledger.waits.push(wait);
    if ((program.runs ?? 0) > 1)
      this.#ledger.violations.push(
        `The body of ${program.role} ${program.id} ran ${program.runs} times, for another database's conflict.`,
      );
    if (answer.kind === 'ok') {
      if (program.refused) this.#ledger.violations.push(`${program.role} ${program.id} went well.`);
      this.settle(deed, 'committed', answer.value);
    } else if (answer.kind === 'error') {
      const { code, maybeCommitted } = answer.error as HoldfastError;
      if (code === 'REQUEST_CLOSED') this.settle(deed, 'aborted', undefined);
      // "It did not happen" is believed at once where no other send of it can have.
      else if (deed.sends === 1 && request === undefined && !maybeCommitted)
        this.settle(deed, 'aborted', undefined);
    }
  }

  async #inquire(deed: Deed, close: boolean): Promise<void> {
    const answer = await this.#ask('outcome', (db, _, signal) =>
      db.outcome(this.#requestId(deed.request!), { close, signal }),
    );
    if (answer.kind !== 'ok') return;
    const outcome = answer.value;
    if (outcome.status === 'committed') this.settle(deed, 'committed', resultOf(deed, outcome.result));
    else if (outcome.status === 'closed') this.settle(deed, 'aborted', undefined);
  }

  settle(deed: Deed, outcome: 'committed' | 'aborted', result: Result | undefined): void {
    deed.outcome = outcome;
    deed.result = result;
    deed.returned = this.#world.stamp();
    if (result) deed.acknowledged.push(result);
    if (typeof deed.request === 'object') this.#open.delete(deed.request.number);
  }

  async #sum(): Promise<void> {
    const inTransaction = this.#random.chance(0.5);
    const answer = await this.#ask('sums', async (db, _, signal) => {
      const balances: (number | undefined)[] = new Array(ACCOUNTS).fill(undefined);
      if (!inTransaction) {
        for await (const { key, value } of db.list<number>({ prefix: ['account'] }, { signal }))
          balances[key[1] as number] = value;
        return balances;
      }
      return db.transact(
        async (tx) => {
          balances.fill(undefined);
          for await (const { key, value } of tx.list<number>({ prefix: ['account'] }))
            balances[key[1] as number] = value;
          return balances;
        },
        { signal },
      );
    });
    if (answer.kind === 'ok') this.#ledger.balances.push({ who: this.name, balances: answer.value });
  }

  /** A long reader: what it sees at the end is of the same version as what it saw at the beginning. */
  async #snapshot(): Promise<void> {
    const waitMs = this.#random.between(0, 60_000);
    const answer = await this.#ask('snapshots', async (db, worker, signal) => {
      const snapshot = await db.snapshot({ signal });
      const first = await balancesOf(snapshot, 0, ACCOUNTS / 2);
      await worker.machine.clock.sleep(waitMs, signal);
      const second = await balancesOf(snapshot, ACCOUNTS / 2, ACCOUNTS);
      const again = await balancesOf(snapshot, 0, ACCOUNTS / 2);
      return { version: snapshot.version, first, second, again };
    });
    if (answer.kind !== 'ok') return;
    const { version, first, second, again } = answer.value;
    if (first.some((balance, i) => balance !== again[i]))
      this.#ledger.violations.push(
        `A snapshot of version ${version} changed: first ${first.join(' ')}, later ${again.join(' ')}.`,
      );
    this.#ledger.balances.push({ who: this.name, balances: [...first, ...second] });
  }

  /** Follows the lists for a while: no change is left out, and each says rightly what was before it. */
  async #watch(): Promise<void> {
    const forMs = this.#random.between(1_000, 40_000);
    const from = this.#random.chance(0.3) ? 1 : undefined;
    const answer = await this.#ask('watches', async (db, worker, signal) => {
      const stop = new AbortController();
      // It may have been aborted while the database was being opened.
      if (signal?.aborted) stop.abort();
      signal?.addEventListener('abort', () => stop.abort(), { once: true, signal: stop.signal });
      worker.machine.clock.sleep(forMs).then(() => stop.abort());
      const changes: { version: number; key: string; value: unknown; previous: unknown }[] = [];
      for await (const change of db.watch({ prefix: ['list'] }, { from, signal: stop.signal, pollMs: 500 }))
        changes.push({ ...change, key: String(change.key[1]) });
      return changes;
    });
    if (answer.kind !== 'ok') return;
    const last = new Map<string, string>();
    let version = 0;
    for (const change of answer.value) {
      const previous = JSON.stringify(change.previous ?? []);
      const known = last.get(change.key) ?? (from === 1 ? '[]' : previous);
      if (change.version < version || previous !== known)
        this.#ledger.violations.push(
          `${this.name} watched list ${change.key}: at version ${change.version} it was said to have been ${previous}; seen before was ${known}, at version ${version}.`,
        );
      last.set(change.key, JSON.stringify(change.value ?? []));
      version = change.version;
    }
    this.#ledger.watched += answer.value.length;
  }

  /** A transaction as a rule; else a look at what is there, or (where nothing expires) a watch of it. */
  #inArea(area: Area): Promise<void> {
    const draw = this.#random.fraction();
    if (draw < 0.8) return this.#write(AREAS[area]);
    if (draw < 0.9) return this.#look(area);
    return area === 'field' && draw < 0.95 ? this.#follow() : this.#compare(area);
  }

  /** Comes by after a while, and looks at what is there, at what was, or follows from the beginning. */
  #visit(): Promise<void> {
    const area = this.#random.pick(Object.keys(AREAS) as Area[]);
    const draw = this.#random.fraction();
    if (draw < 0.6) return this.#look(area);
    return draw < 0.8 ? this.#compare(area) : this.#follow();
  }

  async #compare(area: Area): Promise<void> {
    const random = new Random(this.#random.uint32(), 'compare');
    const width = widthOf(this.#scenario);
    const answer = await this.#ask('looks', (db, { machine: { clock } }, signal) =>
      compare(db, { area, width, random, clock, signal }),
    );
    if (answer.kind === 'ok') this.#ledger.diffs.push({ ...answer.value, who: this.name });
  }

  async #stream(): Promise<void> {
    const draw = this.#random.fraction();
    if (draw < 0.35) return this.#write('streams');
    const random = new Random(this.#random.uint32(), 'streams');
    const id = this.#ledger.nextId();
    if (draw < 0.65) {
      // Whatever its client hears of it: it may be there from now on.
      this.#ledger.streams.add(id);
      await this.#ask('streams', (db, { machine: { clock } }, signal) =>
        replaceStream(db, id, { random, clock, signal }),
      );
    } else if (draw < 0.7) {
      const answer = await this.#ask(
        'streams',
        (db, { machine: { clock } }, signal) => breakStream(db, id, { random, clock, signal }),
        'SourceFailed',
      );
      if (answer.kind === 'ok')
        this.#ledger.violations.push(`${this.name} wrote stream ${id}, whose source had failed.`);
    } else {
      const answer = await this.#ask('looks', (db, { machine: { clock } }, signal) =>
        readStream(db, { random, clock, signal }),
      );
      if (answer.kind === 'ok' && answer.value) this.#ledger.readStream(this.name, answer.value);
    }
  }

  async #look(area: Area): Promise<void> {
    const random = new Random(this.#random.uint32(), 'look');
    const width = widthOf(this.#scenario);
    const invoked = this.#world.stamp();
    const answer = await this.#ask('looks', (db, { machine: { clock } }, signal) =>
      lookAt(db, { area, width, random, clock, signal }),
    );
    if (answer.kind === 'ok')
      this.#ledger.looked(area, this.name, invoked, this.#world.stamp(), answer.value);
  }

  async #follow(): Promise<void> {
    const forMs = this.#random.between(1_000, 40_000);
    const from = this.#random.chance(0.3) ? 1 : undefined;
    const answer = await this.#ask('watches', (db, { machine: { clock } }, signal) =>
      follow(db, from, forMs, { clock, signal }),
    );
    if (answer.kind !== 'ok') return;
    this.#ledger.fieldWatches.push({ who: this.name, changes: answer.value });
    this.#ledger.watched += answer.value.length;
  }

  /** Reads lists at the newest state (0) or at one of a stated age. */
  async #read(maxStalenessMs: number): Promise<void> {
    const keys = Array.from({ length: Math.min(this.#scenario.keys, 3) }, () =>
      this.#random.below(this.#scenario.keys),
    );
    const invoked = this.#world.stamp();
    const answer = await this.#ask('stale', (db, _, signal) =>
      db.getMany<number[]>(
        keys.map((key) => ['list', key]),
        { maxStalenessMs, signal },
      ),
    );
    if (answer.kind !== 'ok') return;
    const operations = keys.map(
      (key, i): Operation => ({ op: 'list', key: `list ${key}`, elements: answer.value[i] ?? [] }),
    );
    this.#ledger.reads.push({
      id: this.#ledger.nextId(),
      process: this.name,
      invoked,
      returned: this.#world.stamp(),
      outcome: 'committed',
      operations,
      ...(maxStalenessMs > 0 ? { stalenessMs: maxStalenessMs * STALENESS_SLACK + 1 } : {}),
    });
  }

  /**
   * Asks some worker, and notes what no client should hear.
   * @param also an error that is right for this call alone.
   */
  async #ask<T>(
    role: Call,
    doing: (db: Database, worker: Worker, signal: AbortSignal | undefined) => Promise<T>,
    also?: string,
  ): Promise<Answer<T>> {
    const worker = await this.#fleet.someone(this.#random, this.#part.home);
    const stop = this.#stopper();
    let ended = false;
    const abort = stop && this.#fates.ofCaller(`${this.name} ${role}`, 'abort', this.#scenario.aborts);
    if (abort)
      // As often at once as after seconds.
      this.#world.after(abort.fraction() ** 3 * ABORT_MS_MAX, () =>
        worker.machine.deliver(() => {
          this.#world.log(this.name, `aborts ${role}${ended ? ', which has ended' : ''}`);
          stop.abort(new GivenUp());
          if (this.#stop === stop) this.#stop = new AbortController();
          if (!ENDS_AT_ONCE.has(role)) return;
          worker.machine.clock.sleep(AT_ONCE_MS).then(() => {
            if (begun && !ended)
              this.#ledger.violations.push(`${this.name}: ${role} goes on after an abort.`);
          });
        }),
      );
    let begun = false;
    const answer = await worker.call(async (db) => {
      begun = true;
      try {
        return await doing(db, worker, stop?.signal);
      } finally {
        ended = true;
      }
    }, this.#scenario.clientTimeoutMs);
    if (this.#scenario.shortLived) worker.machine.crash('its work is done');
    if (answer.kind === 'error') this.#hear(role, answer.error, { also, cut: answer.cut ?? false });
    return answer;
  }

  #stopper(): AbortController | undefined {
    const { aborts, sharedSignals } = this.#scenario;
    if (aborts === 0) return undefined;
    return sharedSignals ? this.#stop : new AbortController();
  }

  #hear(role: Call, error: unknown, { also, cut }: { also: string | undefined; cut: boolean }): void {
    const code = error instanceof HoldfastError ? error.code : String((error as Error)?.name);
    this.#ledger.heard(code);
    if (error instanceof GivenUp || code === also) return;
    const readsOn = READS_ON.has(role) && this.#scenario.worldFaults.close;
    if (code === 'CLOSED' && (readsOn || cut)) return;
    // Clones draw the same name for another segment, which is told, and nothing is changed.
    if (this.#scenario.contention?.clones && code === 'CORRUPT' && String(error).includes('random source'))
      return;
    if (!(this.#scenario.lies ? EXPECTED_OF_LIARS : EXPECTED).has(code))
      this.#ledger.violations.push(
        `${this.name} heard ${code}: ${error instanceof Error ? error.stack : String(error)}`,
      );
  }
}

/** What a client aborts with. */
class GivenUp extends Error {
  override readonly name: string = 'GivenUp';
}

/** A database whose flush may take a signal, or not yet. */
interface Flushing {
  flush(options?: CallOptions): Promise<boolean>;
}

async function balancesOf(snapshot: Snapshot, from: number, to: number): Promise<(number | undefined)[]> {
  return snapshot.getMany<number>(Array.from({ length: to - from }, (_, i) => ['account', from + i]));
}
