/**
 * What goes wrong, and when: decided from the seed alone, one decision for each opportunity.
 *
 * Invariant: a decision depends on the seed and on what it is about (which machine, which call, for which time), and
 * not on what was decided before. So incidents can be left out, and a failing schedule shrunk to those that matter.
 */
import { fnv1a, Random } from './random.js';

/** What can happen to one call of a store. `crash-*`: what happens to the machine that makes it. */
export const CALL_FAULTS = [
  'refused',
  'throttled',
  'error-before',
  'error-after',
  'conflict',
  'lost-request',
  'lost-answer',
  'partial-body',
  'duplicate',
  'duplicate-answer',
  'zombie',
  'slow',
  'crash-before-send',
  'crash-after-send',
  'crash-on-answer',
  'pause-before-send',
  'pause-on-answer',
  'late',
] as const;
/** Those that came later: drawn apart, so that the worlds of the seeds from before are what they were. */
export const LATER_CALL_FAULTS = ['stuck'] as const;
export type CallFault = (typeof CALL_FAULTS)[number] | (typeof LATER_CALL_FAULTS)[number];

/** What a store that lies does to the answer of a read. */
export const LIES = ['lie-absent', 'lie-flip', 'lie-cut', 'lie-other', 'lie-hide'] as const;
/** The same of announced intents alone, which nothing may rest on. */
export const INTENT_LIES = [
  'intent-absent',
  'intent-flip',
  'intent-cut',
  'intent-other',
  'intent-hide',
] as const;
export type Lie = (typeof LIES)[number] | (typeof INTENT_LIES)[number];

/** What happens at any time, to a machine or to the whole store. */
export const WORLD_FAULTS = ['crash', 'pause', 'clock-step', 'outage', 'stall'] as const;
/** `close`: somebody closes a database while calls are under way; `foreign`: somebody else's objects among ours. */
export const LATER_WORLD_FAULTS = ['close', 'foreign'] as const;
/** What happens to announced intents: deleted, put back when they were decided long ago, hidden for a while. */
export const INTENT_WORLD_FAULTS = ['intent-gone', 'intent-back', 'intent-hidden'] as const;
export type WorldFault =
  | (typeof WORLD_FAULTS)[number]
  | (typeof LATER_WORLD_FAULTS)[number]
  | (typeof INTENT_WORLD_FAULTS)[number];

/** What the application around the database does: its signal, its listener. */
export const CALLER_FAULTS = ['abort', 'listener-throws', 'listener-rejects'] as const;
export type CallerFault = (typeof CALLER_FAULTS)[number];

export type FaultKind = CallFault | Lie | WorldFault | CallerFault;

export interface Incident {
  /** Eight hexadecimal digits: what `--without` and shrinking name it by. */
  readonly id: string;
  readonly kind: FaultKind;
}

/** What becomes of one call, and the numbers that belong to it alone. */
export interface Fate {
  readonly fault: CallFault | Lie | undefined;
  readonly random: Random;
}

/** Decides what becomes of calls. */
export interface CallFates {
  /** Everything works. */
  readonly over: boolean;
  /** @param what the call: who makes it, and what it is. The same one made again is another opportunity. */
  ofCall(what: string, fits: (kind: CallFault | Lie) => boolean): Fate;
}

/** Decides what callers do. */
export interface CallerFates {
  /**
   * @param what who does it: the same one again is another opportunity.
   * @returns the numbers that belong to it alone; undefined: it does not happen.
   */
  ofCaller(what: string, kind: CallerFault, rate: number): Random | undefined;
}

export class Incidents implements CallFates, CallerFates {
  readonly #seed: number;
  readonly #rates: readonly (readonly [CallFault | Lie, number])[];
  readonly #without: ReadonlySet<string>;
  readonly #happened: Incident[] = [];
  readonly #counts: Map<string, number> = new Map();
  #over = false;

  constructor(
    seed: number,
    rates: Partial<Record<CallFault | Lie, number>>,
    without: ReadonlySet<string> = new Set(),
  ) {
    this.#seed = seed;
    this.#rates = [...CALL_FAULTS, ...LIES, ...LATER_CALL_FAULTS, ...INTENT_LIES]
      .filter((kind) => (rates[kind] ?? 0) > 0)
      .map((kind) => [kind, rates[kind]!]);
    this.#without = without;
  }

  /** Everything works from now on. */
  end(): void {
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }

  /** What happened so far, in order. */
  get happened(): readonly Incident[] {
    return this.#happened;
  }

  ofCall(what: string, fits: (kind: CallFault | Lie) => boolean): Fate {
    const { id, random } = this.#opportunity(what);
    let draw = random.fraction();
    let fault: CallFault | Lie | undefined;
    for (const [kind, rate] of this.#rates) {
      draw -= rate;
      if (draw < 0) {
        fault = kind;
        break;
      }
    }
    return { fault: fault && fits(fault) && this.#happens(id, fault) ? fault : undefined, random };
  }

  /** Whether this one happens, which a timetable has decided already. */
  ofWorld(kind: WorldFault): boolean {
    return this.#happens(this.#opportunity(kind).id, kind);
  }

  ofCaller(what: string, kind: CallerFault, rate: number): Random | undefined {
    if (rate <= 0) return undefined;
    const { id, random } = this.#opportunity(`${what} ${kind}`);
    return random.fraction() < rate && this.#happens(id, kind) ? random : undefined;
  }

  #opportunity(what: string): { id: string; random: Random } {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    const name = `${what} #${count}`;
    return { id: fnv1a(name).toString(16).padStart(8, '0'), random: new Random(this.#seed, name) };
  }

  #happens(id: string, kind: FaultKind): boolean {
    if (this.#over || this.#without.has(id)) return false;
    this.#happened.push({ id, kind });
    return true;
  }
}
