/**
 * What a worker did, in a file that outlives it: a line for each transaction that begins, ends, or is answered.
 *
 * Invariants:
 * - A line is with the system before the worker goes on: a SIGKILL loses nothing that anybody was told, and no
 *   transaction that could have reached the store. (Not synced: the machine itself stays up.)
 * - Times are the machine's monotonic clock, so that those of different processes compare.
 *
 * @typedef {{ begin: number, by: string, at: number, intent: import('./intents.mjs').Intent, requestId?: string }} Begin
 * @typedef {{ end: number, at: number, outcome: 'committed' | 'aborted' | 'unknown', code?: string,
 *   seen?: import('./intents.mjs').Seen }} End What `end` came to. One that was killed has none; of a request that
 *   several processes sent, each may have one.
 * @typedef {{ refused: string, at: number }} Refused an error that no fault of the campaign explains
 * @typedef {Begin | End | Refused} Line
 */
import { existsSync, openSync, readFileSync, writeSync } from 'node:fs';

/** @param {string} path */
export function openDiary(path) {
  const file = openSync(path, 'a');
  return {
    /** @param {Line} line */
    write: (line) => {
      writeSync(file, `${JSON.stringify(line)}\n`);
    },
  };
}

/** @param {string} path @returns {Line[]} */
export function readDiary(path) {
  if (!existsSync(path)) return [];
  // What follows the last newline was torn by a kill before the worker could act on it.
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
