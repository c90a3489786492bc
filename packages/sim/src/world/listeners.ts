/** Listeners of a database's events that fail: they change no answer, and the failure is told to `onError`. */
import type { DatabaseEvent } from '@holdfast/mvcc';
import type { CallerFates } from './incidents.js';
import type { Machine } from './machine.js';

export interface ListenerOptions {
  onEvent(event: DatabaseEvent): void;
  onError(error: unknown): void;
}

export class Listeners {
  readonly #fates: CallerFates;
  readonly #rate: number;
  readonly #failures: Set<Error> = new Set();

  constructor(fates: CallerFates, rate: number) {
    this.#fates = fates;
    this.#rate = rate;
  }

  /** Failures that `onError` was not told of. */
  get unheard(): readonly Error[] {
    return [...this.#failures];
  }

  of(machine: Machine): ListenerOptions {
    return {
      // What it returns is nobody's: a listener that is an async function.
      onEvent: (event): undefined | Promise<never> => {
        const what = `${machine.name} listener`;
        if (this.#fates.ofCaller(what, 'listener-throws', this.#rate)) throw this.#failure(event);
        if (this.#fates.ofCaller(what, 'listener-rejects', this.#rate))
          return Promise.reject(this.#failure(event));
        return undefined;
      },
      onError: (error) => {
        const told = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        this.#failures.delete(told as Error);
      },
    };
  }

  #failure(event: DatabaseEvent): Error {
    const failure = new Error(`a listener that fails, at ${event.type}`);
    this.#failures.add(failure);
    return failure;
  }
}
