/** Faults at stated calls of one machine, instead of by chance. */
import type { CallFates, CallFault, Fate, Lie } from '../world/incidents.js';
import { Random } from '../world/random.js';

export interface Blow {
  /** Which of the machine's calls, from 1. */
  readonly call: number;
  readonly fault: CallFault;
  /** Its machine dies once the call is under way. */
  readonly dies: boolean;
}

export class Script implements CallFates {
  /** What the calls were, in order. */
  readonly calls: string[] = [];
  readonly #machine: string;
  readonly #blows: readonly Blow[];
  readonly #onDeath: () => void;
  #armed = false;
  #struck = 0;
  #all = 0;

  /** @param machine the one that the blows fall on; others are left alone. */
  constructor(machine: string, blows: readonly Blow[], onDeath: () => void) {
    this.#machine = machine;
    this.#blows = blows;
    this.#onDeath = onDeath;
  }

  /** Calls count from here. */
  arm(): void {
    this.#armed = true;
  }

  get over(): boolean {
    return !this.#armed;
  }

  end(): void {
    this.#armed = false;
  }

  /** How many of the blows fell. */
  get struck(): number {
    return this.#struck;
  }

  ofCall(what: string, fits: (kind: CallFault | Lie) => boolean): Fate {
    const random = new Random(++this.#all, what);
    if (!this.#armed || !what.startsWith(`${this.#machine} `)) return { fault: undefined, random };
    this.calls.push(what);
    const blow = this.#blows.find(({ call }) => call === this.calls.length);
    if (!blow || !fits(blow.fault)) return { fault: undefined, random };
    this.#struck++;
    if (blow.dies) this.#onDeath();
    return { fault: blow.fault, random };
  }
}
