/**
 * The worker processes: starts them, kills one and starts it again, stops them, and knows how they did.
 *
 * What a killed process had counted since its last report is lost, and so is missing from the sums: at most
 * some 20 ms of it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromWorker, ToWorker, WorkerReport, WorkerSettings } from './messages.js';

const WORKER_FILE = fileURLToPath(new URL('./worker.js', import.meta.url));
const STOP_GRACE_MS = 5_000;

/** One process, from its start to its end. */
class Member {
  readonly settings: WorkerSettings;
  readonly process: ChildProcess;
  report: WorkerReport | undefined;
  failure: string | undefined;
  /** Resolves when the process is gone. */
  readonly gone: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(settings: WorkerSettings) {
    this.settings = settings;
    this.process = fork(WORKER_FILE, [JSON.stringify(settings)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // What the SDK has to say about Node's version, the first process has said.
      env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    });
    this.process.on('message', (message: FromWorker) => {
      if (message.type === 'failed') this.failure = message.message;
      else this.report = message.report;
    });
    this.gone = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => resolve({ code, signal }));
      this.process.once('error', (error) => {
        this.failure = error.message;
        resolve({ code: 1, signal: null });
      });
    });
  }

  tell(message: ToWorker): void {
    // One that is just ending has no ears left, and needs none.
    if (this.process.connected) this.process.send(message, () => {});
  }
}

/** What became of the killed worker. */
export interface Kill {
  readonly worker: number;
  /** As it had last said. */
  readonly calls: number;
  readonly underWay: number;
}

export class Crew {
  readonly #settings: readonly WorkerSettings[];
  readonly #members = new Map<number, Member>();
  /** Processes that were killed and replaced. */
  readonly #buried: Member[] = [];
  #stopped = false;

  constructor(settings: readonly WorkerSettings[]) {
    this.#settings = settings;
  }

  /** @param unbounded a worker that is to be killed later: until then it goes on, however many calls were meant. */
  start(unbounded?: number): void {
    for (const settings of this.#settings) {
      const { calls: _, ...endless } = settings;
      this.#start(settings.worker === unbounded ? endless : settings);
    }
  }

  #start(settings: WorkerSettings): void {
    this.#members.set(settings.worker, new Member(settings));
  }

  /** Ends a worker without warning, and starts it again. */
  async killAndRestart(worker: number): Promise<Kill> {
    const member = this.#members.get(worker)!;
    member.process.kill('SIGKILL');
    const { signal } = await member.gone;
    if (signal !== 'SIGKILL')
      throw new Error(
        `Worker ${worker} was to be killed and ended before: ${member.failure ?? `signal ${signal ?? 'none'}`}.`,
      );
    // A stop that came meanwhile is for the one that would be started now, too.
    if (!this.#stopped) {
      this.#buried.push(member);
      this.#start(this.#settings.find((settings) => settings.worker === worker)!);
    }
    return { worker, calls: member.report?.calls ?? 0, underWay: member.report?.underWay ?? 0 };
  }

  /** Every process's last report, the killed ones' too. */
  get reports(): WorkerReport[] {
    return [...this.#buried, ...this.#members.values()].flatMap(({ report }) => report ?? []);
  }

  /** Whether every worker has opened the state. */
  get isReady(): boolean {
    return this.#members.size > 0 && [...this.#members.values()].every(({ report }) => report !== undefined);
  }

  /** The last report of the process that is a worker now. */
  reportOf(worker: number): WorkerReport | undefined {
    return this.#members.get(worker)?.report;
  }

  /** Lets the workers end what they are doing; kills those that take too long. */
  stop(): void {
    this.#stopped = true;
    for (const member of this.#members.values()) {
      member.tell({ type: 'stop' });
      const late = setTimeout(() => member.process.kill('SIGKILL'), STOP_GRACE_MS);
      void member.gone.then(() => clearTimeout(late));
    }
  }

  killAll(): void {
    for (const { process } of this.#members.values()) process.kill('SIGKILL');
  }

  /** Resolves when all have ended, to what went wrong. */
  async ended(): Promise<string[]> {
    // A killed member's place is taken by its successor before anybody waiting here goes on.
    for (
      let waited: Member[] = [];
      waited.length < this.#members.size || waited.some((m) => this.#members.get(m.settings.worker) !== m);
    ) {
      waited = [...this.#members.values()];
      await Promise.all(waited.map(({ gone }) => gone));
    }
    const problems: string[] = [];
    for (const member of this.#members.values()) {
      const { code, signal } = await member.gone;
      const { worker } = member.settings;
      if (signal !== null) problems.push(`Worker ${worker} was ended by ${signal}.`);
      else if (code !== 0)
        problems.push(`Worker ${worker} failed: ${member.failure ?? `it ended with exit code ${code}.`}`);
    }
    return problems;
  }
}
