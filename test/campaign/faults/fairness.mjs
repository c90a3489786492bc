/**
 * How evenly the processes of a campaign got through, by their diaries, and how long one transaction waited.
 *
 * Invariants:
 * - Compared is who had the same time: the long-lived processes that worked through all of one window, none of which
 *   was stopped in it, and whose commits have the longest time of all those that are drawn.
 * - Whoever waits when its process is killed is counted, for as long as it has waited: a transaction that never got
 *   through is not left out. While its process was stopped nobody waited.
 */
import { readDiary } from './diary.mjs';
import { wrote } from './intents.mjs';

/**
 * A process, by the diaries' clock.
 * @typedef {object} Life
 * @property {string} diary
 * @property {'long' | 'once' | 'heir'} role
 * @property {number} commitTimeoutMs
 * @property {number} untilMs when it had ended
 * @property {[fromMs: number, untilMs: number][]} absences when it was stopped
 */

/** Long beside the wait of one transaction, short beside a process's life. */
export const usualWindowMs = 20_000;

/**
 * @param {Life[]} lives
 * @param {{ killedMs: number, answeringMs: number }[]} restarts
 * @param {number} windowMs
 */
export function fairnessOf(lives, restarts, windowMs = usualWindowMs) {
  const longest = Math.max(...lives.map(({ commitTimeoutMs }) => commitTimeoutMs));
  const works = lives
    .filter(({ role, commitTimeoutMs }) => role === 'long' && commitTimeoutMs === longest)
    .map(workOf);
  /** @type {{ least: number, most: number, processes: number }[]} */
  const windows = [];
  const beganMs = Math.min(...works.map(({ fromMs }) => fromMs));
  const endedMs = Math.max(...works.map(({ untilMs }) => untilMs));
  for (let fromMs = beganMs; fromMs + windowMs <= endedMs; fromMs += windowMs) {
    const untilMs = fromMs + windowMs;
    const whole = works.filter(
      (work) => work.fromMs <= fromMs && work.untilMs >= untilMs && !overlaps(work.absences, fromMs, untilMs),
    );
    if (whole.length < 2) continue;
    const counts = whole.map(
      ({ writtenMs }) => writtenMs.filter((at) => at >= fromMs && at < untilMs).length,
    );
    windows.push({ least: Math.min(...counts), most: Math.max(...counts), processes: whole.length });
  }
  const ratios = windows.map(({ least, most }) => (most === 0 ? 0 : least / most)).sort((a, b) => a - b);
  const worst = windows.find(({ least, most }) => (most === 0 ? 0 : least / most) === ratios[0]);
  const waits = works.flatMap((work) => work.waits).sort((a, b) => a.ms - b.ms);
  /** @type {[number, number][]} */
  const outages = restarts.map(({ killedMs, answeringMs }) => [killedMs, answeringMs]);
  const undisturbed = waits.filter(({ fromMs, ms }) => !overlaps(outages, fromMs, fromMs + ms));
  return {
    windows: windows.length,
    processes: rank(
      windows.map(({ processes }) => processes).sort((a, b) => a - b),
      0.5,
    ),
    ratio: rank(ratios, 0.5),
    tenth: rank(ratios, 0.1),
    worst,
    waitMs: {
      p50: rank(
        waits.map(({ ms }) => ms),
        0.5,
      ),
      p99: rank(
        waits.map(({ ms }) => ms),
        0.99,
      ),
      max: waits.at(-1)?.ms,
      /** Of those that began and ended while the store was up. */
      maxUndisturbed: undisturbed.at(-1)?.ms,
    },
  };
}

/** @param {Life} life */
function workOf({ diary, untilMs, absences }) {
  const lines = readDiary(diary);
  /** @type {Map<number, import('./diary.mjs').Begin>} */
  const begun = new Map();
  /** @type {number[]} */
  const writtenMs = [];
  /** @type {{ fromMs: number, ms: number }[]} */
  const waits = [];
  /** @param {number} fromMs @param {number} endMs */
  const waited = (fromMs, endMs) => {
    if (!overlaps(absences, fromMs, endMs)) waits.push({ fromMs, ms: Math.round(endMs - fromMs) });
  };
  for (const line of lines) {
    if ('begin' in line) begun.set(line.begin, line);
    if (!('end' in line)) continue;
    const begin = begun.get(line.end);
    // What it inherited began elsewhere; a request that was sent twice ends twice.
    if (!begin) continue;
    begun.delete(line.end);
    if (line.outcome === 'committed' && line.seen && wrote(begin.intent, line.seen)) writtenMs.push(line.at);
    waited(begin.at, line.at);
  }
  for (const { at } of begun.values()) waited(at, untilMs);
  return { fromMs: firstBegin(lines) ?? untilMs, untilMs, absences, writtenMs, waits };
}

/** When it had settled what it inherited, and began to work for itself. @param {import('./diary.mjs').Line[]} lines */
function firstBegin(lines) {
  const first = lines.find((line) => 'begin' in line);
  return first && 'begin' in first ? first.at : undefined;
}

/** @param {[number, number][]} spans @param {number} fromMs @param {number} untilMs */
function overlaps(spans, fromMs, untilMs) {
  return spans.some(([from, until]) => from < untilMs && until > fromMs);
}

/** The smallest that `p` of all are not above. @param {number[]} sorted @param {number} p */
function rank(sorted, p) {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}
