/** Measures one wait, from the moment that an open database is asked. */

import type { Answer, Worker } from '../world/fleet.js';
import type { Contention } from '../world/shape.js';
import type { World } from '../world/world.js';
import type { Program } from './program.js';
import type { Wait } from './waits.js';

export class WaitMeter {
  readonly #world: World;
  #worker: Worker | undefined;
  #fromMs = 0;
  #pausedMs = 0;
  /** Since when the body pauses; it may be running several times over. */
  #pausedSinceMs = 0;
  #pauses = 0;

  constructor(world: World) {
    this.#world = world;
  }

  begin(worker: Worker): void {
    this.#worker = worker;
    this.#fromMs = this.#world.nowMs;
  }

  async pause(sleeping: Promise<void>): Promise<void> {
    if (this.#pauses++ === 0) this.#pausedSinceMs = this.#world.nowMs;
    try {
      await sleeping;
    } finally {
      if (--this.#pauses === 0) this.#pausedMs += this.#world.nowMs - this.#pausedSinceMs;
    }
  }

  /** @returns undefined: it was not asked, or is none of many writers. */
  end({ role, id }: Program, answer: Answer<unknown>, contention: Contention | undefined): Wait | undefined {
    const { machine, place } = this.#worker ?? {};
    if (!contention || !machine || place === undefined) return undefined;
    const end = { ok: 'ok', error: 'error', lost: machine.alive ? 'unanswered' : 'gone' } as const;
    const nowMs = this.#world.nowMs;
    return {
      id,
      role,
      machine: machine.name,
      roundTripMs: contention.roundTripsMs[place]!,
      fromMs: this.#fromMs,
      toMs: nowMs,
      pausedMs: this.#pausedMs + (this.#pauses > 0 ? nowMs - this.#pausedSinceMs : 0),
      end: end[answer.kind],
    };
  }
}
