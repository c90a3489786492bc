/** What each call of a campaign does: a function of the seed, so that a worker started again repeats the same one. */
import { createHash } from 'node:crypto';

/**
 * How the workers use the counters.
 * `hot`: all read and write one counter. `spread`: one of 100, at random. `mixed`: one of 10, half of the calls by
 * reading and writing, half by `tx.add`, and each adds to the total too.
 * @typedef {'hot' | 'spread' | 'mixed'} Style
 */

/** @type {Record<Style, number>} */
const counters = { hot: 1, spread: 100, mixed: 10 };

/** The key of the sum that `mixed` calls keep beside the counters. */
export const totalKey = ['total'];

/**
 * @param {{ seed: number, style: Style }} plan
 * @param {number} worker
 * @param {number} n
 * @returns {{ counter: number, add: boolean, total: boolean }}
 */
export function callOf({ seed, style }, worker, n) {
  const drawn = createHash('sha256').update(`${seed}/${worker}/${n}`).digest();
  const mixed = style === 'mixed';
  return {
    counter: drawn.readUInt32LE(0) % counters[style],
    add: mixed && drawn.readUInt8(4) % 2 === 0,
    total: mixed,
  };
}
