/**
 * One worker process: opens the sealed state, and serves its visitors until it has done its calls or is told to
 * stop. It keeps nothing that matters: killed at any moment and started again, it carries on from its journal.
 *
 * Invariants:
 * - A call is in the journal before it is sent, and goes out again with the same request id until it is answered.
 * - A visitor has one call under way at a time, so the journal has each visitor's calls in their order.
 */
import { type Database, HoldfastError, open } from 'holdfast';
import { dispatch, type Request } from './dispatch.js';
import { readKey } from './folder.js';
import { type Entry, isPending, Journal } from './journal.js';
import type { FromWorker, ToWorker, WorkerReport, WorkerSettings } from './messages.js';
import { settle } from './settle.js';
import { visitor, visitorsOf } from './visitors.js';

const TELL_EVERY_MS = 20;
const ATTEMPTS_MAX = 20;
const PAUSE_MS = 250;
const CALLS_PER_ROUND = 10;

class Worker {
  readonly #db: Database;
  readonly #journal: Journal;
  readonly #settings: WorkerSettings;
  #calls = 0;
  #underWay = 0;
  readonly #repeated = { committed: 0, open: 0 };
  /** Calls of this run that were asked, by this process and by those before it. */
  #asked: number;
  #stopping = false;
  #toldMs = 0;

  constructor(db: Database, journal: Journal, settings: WorkerSettings, entries: readonly Entry[]) {
    this.#db = db;
    this.#journal = journal;
    this.#settings = settings;
    this.#asked = entries.filter(({ run }) => run === settings.run).length;
  }

  stop(): void {
    this.#stopping = true;
  }

  async serve(entries: readonly Entry[]): Promise<void> {
    const { worker } = this.#settings;
    const names = visitorsOf(worker);
    const neighbours = visitorsOf(worker + 1);
    // Says that it is ready: the clock of a run starts when all are.
    await this.#tell(true);
    await Promise.all(
      names.map((name, i) =>
        this.#visit(
          name,
          neighbours[i]!,
          i,
          entries.filter(({ request }) => request.caller === name),
        ),
      ),
    );
    await this.#tell(true);
  }

  async #visit(name: string, neighbour: string, index: number, before: readonly Entry[]): Promise<void> {
    const { run, worker, calls = Number.POSITIVE_INFINITY } = this.#settings;
    for (const { request } of before.filter(isPending)) await this.#repeat(request);
    const seed = Number.parseInt(run, 16) + worker * 1000 + index * 100;
    const script = visitor(name, neighbour, seed, Math.ceil(before.length / CALLS_PER_ROUND));
    let result: unknown;
    for (let n = before.length + 1; !this.#stopping && this.#asked < calls; n++) {
      this.#asked++;
      const call = script.next(result).value;
      result = await this.#ask({ ...call, caller: name, requestId: `${run}/${name}/${n}` });
    }
  }

  async #ask(request: Request): Promise<unknown> {
    await this.#journal.ask(request, this.#settings.run);
    const startedMs = performance.now();
    const result = await this.#send(request, () => dispatch(this.#db, request));
    const ms = Math.round((performance.now() - startedMs) * 100) / 100;
    if (result) await this.#journal.answer(request.requestId, { result: result.value, ms });
    return result?.value;
  }

  async #repeat(request: Request): Promise<void> {
    const answered = await this.#send(request, () => settle(this.#db, request));
    if (!answered) return;
    const { result, repeated } = answered.value;
    this.#repeated[repeated]++;
    await this.#journal.answer(request.requestId, { result, repeated });
  }

  /** Undefined: told to stop before there was an answer. The journal still has the call. */
  async #send<T>(request: Request, send: () => Promise<T>): Promise<{ value: T } | undefined> {
    this.#underWay++;
    this.#tell(false);
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const value = await send();
          this.#calls++;
          return { value };
        } catch (error) {
          const again =
            error instanceof HoldfastError && (error.retryable || error.code === 'OUTCOME_UNKNOWN');
          if (!again || attempt >= ATTEMPTS_MAX)
            throw new Error(`${request.contract}.${request.method}: ${messageOf(error)}`, { cause: error });
          if (this.#stopping) return undefined;
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      }
    } finally {
      this.#underWay--;
      this.#tell(false);
    }
  }

  #tell(always: boolean): Promise<void> | undefined {
    const nowMs = performance.now();
    if (!always && nowMs - this.#toldMs < TELL_EVERY_MS) return undefined;
    this.#toldMs = nowMs;
    const { commits, transactions, conflicts, rebases, flushes } = this.#db.stats();
    const report: WorkerReport = {
      calls: this.#calls,
      underWay: this.#underWay,
      repeated: { ...this.#repeated },
      stats: { commits, transactions, conflicts, rebases, flushes },
      traffic: this.#db.traffic().snapshot(),
    };
    return tell({ type: 'progress', report });
  }
}

function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    // Without a supervisor nobody listens, and the stop that follows is told by 'disconnect'.
    if (!process.connected) resolve();
    else process.send!(message, () => resolve());
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
  let worker: Worker | undefined;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    worker?.stop();
  };
  // A terminal's Ctrl-C reaches every process; when to end is for the supervisor to say.
  process.on('SIGINT', () => {});
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stop();
  });
  process.on('disconnect', stop);

  const { journal, entries } = await Journal.open(settings.journal);
  const db = await open(settings.location, { key: readKey(settings.keyFile), create: false });
  try {
    worker = new Worker(db, journal, settings, entries);
    if (stopped) worker.stop();
    await worker.serve(entries);
  } finally {
    await db.close();
    await journal.close();
  }
}

main()
  .catch(async (error: unknown) => {
    process.exitCode = 1;
    await tell({ type: 'failed', message: messageOf(error) });
  })
  .finally(() => {
    if (process.connected) process.disconnect();
  });
