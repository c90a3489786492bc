/** How many requests a second a store takes for one prefix: a bucket of tokens that holds a second's worth. */
export class RequestLimit {
  readonly #perSecond: number;
  #tokens: number;
  #atMs = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Takes one request in, at a time that never goes back; false: it is one too many. */
  admits(nowMs: number): boolean {
    const gained = ((nowMs - this.#atMs) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + gained);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
