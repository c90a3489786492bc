/** What befalls a request on its way to the store and back. */

/**
 * The share of requests that each fate gets. The last two are for PUTs only.
 * @typedef {object} Rates
 * @property {number} resetBefore the connection breaks, and the store never sees the request
 * @property {number} resetAfter the store does it, and the connection breaks instead of the answer
 * @property {number} cut the connection breaks in the middle of the answer
 * @property {number} slowBody the answer comes in pieces
 * @property {number} slowClose all of the answer is there but its end
 * @property {number} error500Before 500, and the store never sees the request
 * @property {number} error503Before 503, and the store never sees the request
 * @property {number} error500After the store does it, and the answer is 500
 * @property {number} zombie held, and delivered when its client is long gone
 * @property {number} echo done and answered, and delivered a second time much later
 */

/** @type {Rates} */
export const usualRates = {
  resetBefore: 0.004,
  resetAfter: 0.006,
  cut: 0.004,
  slowBody: 0.003,
  slowClose: 0.002,
  error500Before: 0.003,
  error503Before: 0.003,
  error500After: 0.004,
  zombie: 0.02,
  echo: 0.03,
};

/** @typedef {keyof Rates} Fate */
const ofWritesOnly = new Set(['zombie', 'echo']);

/**
 * @param {import('./draw.mjs').Draw} draw
 * @param {Rates} rates
 * @param {boolean} writes whether the request is a PUT
 * @returns {Fate | 'passes'}
 */
export function fateOf(draw, rates, writes) {
  let at = draw.fraction();
  for (const [fate, rate] of Object.entries(rates)) {
    if (ofWritesOnly.has(fate) && !writes) continue;
    at -= rate;
    if (at < 0) return /** @type {Fate} */ (fate);
  }
  return 'passes';
}

/**
 * The network's ordinary ways.
 * @typedef {object} Network
 * @property {number} latencyMs mean of what each request waits, exponentially distributed
 * @property {number} tail the share of requests that wait `tailMs` on average instead
 * @property {number} tailMs
 * @property {number} bytesPerSecond of all requests together, and of all answers together
 * @property {number} stallEveryMs mean time between two stalls of everything; 0: none
 * @property {number} stallMs the mean length of one
 * @property {number} holdMsMax how long a zombie or an echo is held at most
 */

/** @type {Network} */
export const usualNetwork = {
  latencyMs: 3,
  tail: 0.01,
  tailMs: 250,
  bytesPerSecond: 20_000_000,
  stallEveryMs: 40_000,
  stallMs: 2_500,
  holdMsMax: 40_000,
};
