/**
 * What a worker knows of its own calls, in a file that outlives it.
 *
 * Invariants:
 * - A line is on the disk before the worker goes on: a call that could have reached the store has its intent
 *   here, and an outcome that is not here was never learnt.
 * - Times are the machine's monotonic clock, so that those of different processes compare.
 */
import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';

/**
 * One call, as its worker saw it.
 * @typedef {object} Call
 * @property {number} n counted from 0 within its worker
 * @property {number} begunMs when it was first sent
 * @property {'open' | 'done' | 'unknown'} state `open`: it was under way when the worker ended.
 * `unknown`: it never learnt the outcome, and does not send it again.
 * @property {number} [endedMs] when the outcome was learnt
 * @property {number} [latencyMs] from the last sending
 * @property {number | null} [result] what the call resolved to
 */

/** Milliseconds of a clock that all processes of this machine share. */
export const nowMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/**
 * The calls of one worker, in order.
 * @param {string} path
 * @returns {Call[]}
 */
export function readJournal(path) {
  if (!existsSync(path)) return [];
  /** @type {Call[]} */
  const calls = [];
  // What follows the last newline was torn by a kill before the worker could act on it.
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const { n, ...rest } = JSON.parse(line);
    calls[n] = { ...calls[n], n, ...rest };
  }
  return calls;
}

/**
 * Opens a worker's journal for writing, each line synchronously.
 * @param {string} path
 */
export function openJournal(path) {
  if (existsSync(path)) truncateSync(path, readFileSync(path).lastIndexOf(0x0a) + 1);
  const file = openSync(path, 'as');
  return {
    /** @param {Partial<Call> & { n: number }} line */
    write: (line) => {
      writeSync(file, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(file),
  };
}
