/**
 * The processes in which writers run, seen from the one that measures.
 *
 * Invariant: `stop()` resolves when none of them can write any more, whatever they were doing.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RequestClass } from '@holdfast/object-store';
import type { Target } from '../location.js';
import type { WriterFigures } from './writer.js';

export interface OpenOrder {
  readonly kind: 'open';
  readonly url: string;
  readonly credentials?: Target['credentials'];
  readonly prefix: string;
  readonly workload: string;
  /** Which of all writers this process has. */
  readonly writers: readonly number[];
  readonly seconds: number;
  readonly roundTripMs: number;
}

export interface RunOrder {
  readonly kind: 'run';
  /** Of the wall clock, the same for all processes. */
  readonly atMs: number;
}

export type Order = OpenOrder | RunOrder;

export type Answer =
  | { readonly kind: 'done'; readonly figures?: CrewFigures }
  | { readonly kind: 'failed'; readonly message: string };

/** Of one process, between start and end. */
export interface CrewFigures {
  readonly writers: readonly WriterFigures[];
  readonly requests: Readonly<Record<RequestClass, number>>;
  readonly dollars: number;
  readonly records: number;
  readonly rebases: number;
  readonly conflicts: number;
  readonly flushes: number;
  /** Of the process, in user and system. */
  readonly cpuMs: number;
}

const START_MS = 200;

export class Crews {
  readonly #processes: readonly ChildProcess[];
  readonly #signal: AbortSignal;

  constructor(count: number, signal: AbortSignal) {
    const program = fileURLToPath(new URL('./crew-process.js', import.meta.url));
    this.#processes = Array.from({ length: count }, () => fork(program, [], { serialization: 'advanced' }));
    this.#signal = signal;
  }

  /** @param loops in one database, which one process has. */
  async open(order: Omit<OpenOrder, 'kind' | 'writers'>, writers: number, loops: boolean): Promise<void> {
    const count = loops ? 1 : this.#processes.length;
    const shares = this.#processes.map((_, process) =>
      Array.from({ length: writers }, (_, writer) => writer).filter((writer) => writer % count === process),
    );
    await this.#all((i) => ({ ...order, kind: 'open', writers: shares[i]! }));
  }

  run(): { readonly startsInMs: number; readonly figures: Promise<CrewFigures[]> } {
    const atMs = Date.now() + START_MS;
    const figures = this.#all(() => ({ kind: 'run', atMs })).then((answers) =>
      answers.flatMap((answer) => (answer.kind === 'done' && answer.figures ? [answer.figures] : [])),
    );
    return { startsInMs: START_MS, figures };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.once('exit', () => resolve());
            if (child.connected) child.disconnect();
          }),
      ),
    );
  }

  #all(orderOf: (process: number) => Order): Promise<Answer[]> {
    return Promise.all(this.#processes.map((child, i) => this.#ask(child, orderOf(i))));
  }

  #ask(child: ChildProcess, order: Order): Promise<Answer> {
    const signal = this.#signal;
    return new Promise<Answer>((resolve, reject) => {
      const settle = (act: () => void): void => {
        child.off('message', answered).off('exit', exited);
        signal.removeEventListener('abort', aborted);
        act();
      };
      const answered = (message: unknown): void => {
        const answer = message as Answer;
        settle(() =>
          answer.kind === 'done'
            ? resolve(answer)
            : reject(new Error(`A process of writers failed: ${answer.message}`)),
        );
      };
      const exited = (code: number | null): void =>
        settle(() => reject(new Error(`A process of writers ended with code ${code} before it answered.`)));
      const aborted = (): void => settle(() => reject(signal.reason));
      if (signal.aborted) return reject(signal.reason);
      child.on('message', answered).on('exit', exited);
      signal.addEventListener('abort', aborted);
      child.send(order);
    });
  }
}
