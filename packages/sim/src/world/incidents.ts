/**
 * What goes wrong, and when: decided from the seed alone, one decision for each opportunity.
 *
 * Invariant: whether an incident is left out (`without`) changes no other decision's numbers. So a failing schedule can
 * be shrunk to the incidents that matter.
 */
import { Random } from './random.js';

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
] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** What happens at any time, to a machine or to the whole store. */
export const WORLD_FAULTS = ['crash', 'pause', 'clock-step', 'outage', 'stall'] as const;
export type WorldFault = (typeof WORLD_FAULTS)[number];

export type FaultKind = CallFault | WorldFault;

/** Incidents by their number, as `--without` and shrinking name them. */
export class Incidents {
  readonly #random: Random;
  readonly #rates: readonly (readonly [CallFault, number])[];
  readonly #without: ReadonlySet<number>;
  readonly #happened: { id: number; kind: FaultKind }[] = [];
  #opportunities = 0;
  #over = false;

  constructor(
    seed: number,
    rates: Partial<Record<CallFault, number>>,
    without: ReadonlySet<number> = new Set(),
  ) {
    this.#random = new Random(seed, 'incidents');
    this.#rates = CALL_FAULTS.filter((kind) => (rates[kind] ?? 0) > 0).map((kind) => [kind, rates[kind]!]);
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
  get happened(): readonly { readonly id: number; readonly kind: FaultKind }[] {
    return this.#happened;
  }

  /** What happens to the next call; undefined: nothing. */
  ofCall(fits: (kind: CallFault) => boolean): CallFault | undefined {
    let draw = this.#random.fraction();
    let drawn: CallFault | undefined;
    for (const [kind, rate] of this.#rates) {
      draw -= rate;
      if (draw < 0) {
        drawn = kind;
        break;
      }
    }
    const id = this.#opportunities++;
    return drawn && fits(drawn) && this.#happens(id, drawn) ? drawn : undefined;
  }

  /** Whether this one happens, which a timetable has decided already. */
  ofWorld(kind: WorldFault): boolean {
    return this.#happens(this.#opportunities++, kind);
  }

  #happens(id: number, kind: FaultKind): boolean {
    if (this.#over || this.#without.has(id)) return false;
    this.#happened.push({ id, kind });
    return true;
  }
}
