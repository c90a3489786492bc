/**
 * Turns by age among the transactions of one process: who has lost goes before the young.
 *
 * A *contender* is a call of `transact` through all its runs; one that has lost is an *elder* and stands in a line with
 * what it touched. The first of those who are in each other's way has its *turn*: whoever would write what it read is
 * put off until it hands its writes over, and may be in the same record then, behind it. A body that waits for more
 * than memory does not run before its turn: it would only read what its predecessor is about to write.
 *
 * Invariants:
 * - A courtesy: what is put off too late, or too briefly, costs a run. Whether reads hold is for `validate()` to say.
 * - The first in the line waits for nobody, and a turn is bounded: a body that takes longer has had the only one of its
 *   call. Who is in nobody's way is never put off.
 * - A timer runs only while an elder waits for its turn, or runs its body in it. When the database begins to close,
 *   there are no turns.
 */
import { type Clock, onAbort } from '@holdfast/object-store';
import { inTime } from '../context/in-time.js';
import type { Lifetime } from '../context/lifetime.js';
import { Contender, type Touched } from './contender.js';
import type { Proposal } from './proposal.js';

/** A turn takes as long as its body took last time, twice, and so much more. */
const TURN_MS_MIN = 1_000;
export const TURN_MS_MAX = 10_000;

export class Elders {
  readonly #clock: Clock;
  readonly #waitMsMax: number;
  /** The oldest first. */
  readonly #line: Contender[] = [];
  #begun = 0;
  #isOver = false;
  /** Told when somebody who was put off may go. */
  onChange: () => void = () => {};

  /** @param waitMsMax how long a body waits for its turn: then it runs without. */
  constructor(clock: Clock, { ending }: Pick<Lifetime, 'ending'>, waitMsMax: number) {
    this.#clock = clock;
    this.#waitMsMax = waitMsMax;
    onAbort(ending, () => {
      this.#isOver = true;
      for (const elder of this.#line.slice()) this.leave(elder);
    });
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  begin(signal: AbortSignal | undefined): Contender {
    return new Contender(this.#begun++, signal);
  }

  /** Resolves when its body may run again: where that is slow, not before its turn. */
  async turn(contender: Contender): Promise<void> {
    if (contender.stage !== 'elder' || !contender.isSlow) return;
    const turn = new Promise<void>((resolve) => {
      contender.proceed = resolve;
    });
    await inTime(this.#clock, turn, this.#waitMsMax);
    contender.proceed = undefined;
  }

  /** Its body begins to run. */
  run(contender: Contender): void {
    contender.runSinceMs = this.#clock.monotonic();
  }

  /** Its run ended: these writes wait for a record. */
  handOver(contender: Contender, touched: Touched): void {
    contender.isHandedOver = true;
    this.#ran(contender, touched);
    if (contender.stage === 'turn') this.#pace(contender);
    if (!this.isEmpty) this.#change();
  }

  /** Its writes are in no record. */
  takeBack(contender: Contender): void {
    contender.isHandedOver = false;
    if (contender.stage === 'turn') this.#pace(contender);
  }

  /** Its run was in vain. */
  lose(contender: Contender, touched: Touched): void {
    // What only reads is never handed over.
    if (contender.touched !== touched) this.#ran(contender, touched);
    if (contender.stage === 'turn') this.#pace(contender);
    this.stand(contender);
  }

  /** Puts it into the line, by its age. */
  stand(contender: Contender): void {
    if (contender.stage !== 'young' || this.#isOver || contender.signal?.aborted) return;
    contender.stage = 'elder';
    // Aborted, it holds up nobody, whatever its body does.
    contender.forget = onAbort(contender.signal, () => this.leave(contender));
    const younger = this.#line.findIndex(({ age }) => age > contender.age);
    this.#line.splice(younger < 0 ? this.#line.length : younger, 0, contender);
    this.#change();
  }

  /** It has committed, failed or was aborted. */
  leave(contender: Contender): void {
    this.#remove(contender, 'young');
  }

  /** Whether it is put off for now: it would spoil an elder's turn, or only lose to one. */
  mustWait({ contender, reads, changes, deleted }: Proposal): boolean {
    return this.#line.some((elder) => {
      if (elder.stage !== 'turn' || elder === contender || !elder.touched) return false;
      // Two may have their turns and be in each other's way after all: what a body touches can change from run to run.
      if (contender?.stage === 'turn' && contender.age < elder.age) return false;
      if (!elder.isHandedOver) return elder.touched.reads.isHitBy(changes, deleted);
      // In the same record it would lose, and could not run again there.
      return contender?.isSlow === true && reads.isHitBy(elder.touched.changes, elder.touched.deleted);
    });
  }

  #ran(contender: Contender, touched: Touched): void {
    contender.touched = touched;
    contender.runMs = this.#clock.monotonic() - contender.runSinceMs;
  }

  #remove(contender: Contender, stage: 'young' | 'over'): void {
    if (contender.stage !== 'elder' && contender.stage !== 'turn') return;
    contender.stage = stage;
    contender.forget?.();
    this.#line.splice(this.#line.indexOf(contender), 1);
    this.#pace(contender);
    contender.proceed?.();
    this.#change();
  }

  /** Gives turns to whom nobody is before, and tells. */
  #change(): void {
    for (const [at, elder] of this.#line.entries()) {
      if (elder.stage === 'turn') continue;
      const isBehind = this.#line.some(
        (other, place) => (place < at || other.stage === 'turn') && collide(elder, other),
      );
      if (isBehind) continue;
      elder.stage = 'turn';
      this.#pace(elder);
      elder.proceed?.();
    }
    this.onChange();
  }

  /** A turn has its time while the body runs: what is handed over is bounded by its commit. */
  #pace(contender: Contender): void {
    contender.alarm?.();
    contender.alarm = undefined;
    if (contender.stage !== 'turn' || contender.isHandedOver) return;
    const ms = Math.min(TURN_MS_MIN + 2 * contender.runMs, TURN_MS_MAX);
    contender.alarm = this.#clock.after(ms, () => this.#remove(contender, 'over'));
  }
}

/** Whether one writes what the other has read, by their last runs. */
function collide({ touched: one }: Contender, { touched: other }: Contender): boolean {
  if (!one || !other) return false;
  return one.reads.isHitBy(other.changes, other.deleted) || other.reads.isHitBy(one.changes, one.deleted);
}
