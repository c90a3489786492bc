/** When something went wrong, and for whom: what a wait is forgiven for. */

export interface Trouble {
  /** The machine that it happened to; undefined: all of them, or the store. */
  readonly who: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

export class TroubleLog {
  readonly #ended: Trouble[] = [];
  readonly #open: Set<{ readonly who: string; readonly fromMs: number }> = new Set();

  add(who: string | undefined, fromMs: number, toMs: number = fromMs): void {
    this.#ended.push({ who, fromMs, toMs });
  }

  /** @returns what is called when it is over, at the time that it is given then. */
  begin(who: string, fromMs: number): (nowMs: number) => void {
    const trouble = { who, fromMs };
    this.#open.add(trouble);
    return (nowMs) => {
      if (this.#open.delete(trouble)) this.add(who, fromMs, nowMs);
    };
  }

  /** All of them; those that never ended last for ever. */
  get all(): readonly Trouble[] {
    return [
      ...this.#ended,
      ...[...this.#open].map((trouble) => ({ ...trouble, toMs: Number.POSITIVE_INFINITY })),
    ];
  }
}
