/** The workers at work: for so many seconds or calls, with one of them killed on the way and started again. */
import { Crew, type Kill } from './crew.js';
import type { WorkerReport, WorkerSettings } from './messages.js';
import { Progress } from './progress.js';

/** After which part of the work a worker is killed. */
const KILL_AT = 0.4;
const TICK_MS = 20;
const STEPS = 1000;

export interface WorkOptions {
  /** One for each worker; with `calls`, unless `seconds` is given. */
  readonly settings: readonly WorkerSettings[];
  readonly seconds?: number;
  readonly signal: AbortSignal;
  /** Is told who works, so that they can be ended. */
  readonly onCrew: (crew: Crew) => void;
}

export interface Work {
  readonly reports: readonly WorkerReport[];
  readonly kill: Kill;
  readonly repeated: WorkerReport['repeated'];
  /** From when all workers had opened the state. */
  readonly seconds: number;
}

/** @throws Error when a worker failed, or `signal` was aborted: after all workers have ended. */
export async function workWithProgress(options: WorkOptions): Promise<Work> {
  const { settings, signal } = options;
  const crew = new Crew(settings);
  const shift = new Shift(crew, options);
  const stop = (): void => crew.stop();
  options.onCrew(crew);
  signal.addEventListener('abort', stop, { once: true });
  crew.start(shift.victim);
  const timer = setInterval(() => shift.tick(), TICK_MS);
  try {
    const problems = await crew.ended();
    const kill = await shift.killing;
    signal.throwIfAborted();
    if (shift.failure !== undefined) problems.unshift(shift.failure);
    if (problems.length > 0 || !kill)
      throw new Error([...problems, 'The state is whole: the next start carries on from it.'].join('\n'));
    shift.end();
    const repeated = crew.reportOf(shift.victim)?.repeated ?? { committed: 0, open: 0 };
    return { reports: crew.reports, kill, repeated, seconds: shift.elapsedSeconds };
  } catch (error) {
    shift.progress.abandon();
    throw error;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Looks at the workers now and then, and does what is due. */
class Shift {
  readonly progress: Progress = new Progress('work', STEPS);
  /** The last worker; any would do. */
  readonly victim: number;
  killing: Promise<Kill | undefined> | undefined;
  failure: string | undefined;
  readonly #crew: Crew;
  readonly #options: WorkOptions;
  #startedMs: number | undefined;
  #over = false;

  constructor(crew: Crew, options: WorkOptions) {
    this.#crew = crew;
    this.#options = options;
    this.victim = options.settings.length;
  }

  get elapsedSeconds(): number {
    return this.#startedMs === undefined ? 0 : (performance.now() - this.#startedMs) / 1000;
  }

  tick(): void {
    const { seconds, signal } = this.#options;
    if (this.#crew.isReady) this.#startedMs ??= performance.now();
    if (this.#startedMs === undefined) return;
    const done = this.#show();
    const victim = this.#crew.reportOf(this.victim);
    const reached = seconds === undefined ? this.#doneBy(this.victim) : done;
    // In the midst of its work, or there is nothing to see.
    const isBusy = victim !== undefined && victim.calls > 0 && victim.underWay > 0;
    if (this.killing === undefined && reached >= KILL_AT && isBusy && !signal.aborted)
      this.killing = this.#kill();
    if (seconds !== undefined && done >= 1 && this.killing && this.#crew.isReady && !this.#over) {
      this.#over = true;
      this.#crew.stop();
    }
  }

  end(): void {
    this.#show();
    this.progress.end();
  }

  /** @returns how much of the work is done, from 0. */
  #show(): number {
    const { settings, seconds } = this.#options;
    const answered = this.#crew.reports.reduce((sum, { calls }) => sum + calls, 0);
    const wanted = settings.reduce((sum, { calls = 0 }) => sum + calls, 0);
    const done = seconds === undefined ? answered / wanted : this.elapsedSeconds / seconds;
    this.progress.update(
      done * STEPS,
      `${answered.toLocaleString('en-US')} calls by ${settings.length} workers`,
    );
    return done;
  }

  #doneBy(worker: number): number {
    const wanted = this.#options.settings.find((settings) => settings.worker === worker)?.calls ?? 1;
    return (this.#crew.reportOf(worker)?.calls ?? 0) / wanted;
  }

  async #kill(): Promise<Kill | undefined> {
    try {
      const kill = await this.#crew.killAndRestart(this.victim);
      this.progress.say(
        `worker ${kill.worker} killed after ${kill.calls} calls with ${kill.underWay} under way; started again`,
      );
      return kill;
    } catch (error) {
      this.failure = (error as Error).message;
      this.#crew.stop();
      return undefined;
    }
  }
}
