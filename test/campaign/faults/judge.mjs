/**
 * Says what is wrong with a campaign, from the diaries of its processes and from what a fresh process has found.
 *
 * It knows nothing of how the engine works. What the history as a whole must be like, the checkers of packages/sim
 * say; what is counted here is simple enough to be seen: each acknowledged write is there, once.
 */
import { bankProblems, historyProblems, requestProblems } from './checkers.mjs';
import { readDiary } from './diary.mjs';
import { wrote } from './intents.mjs';

/**
 * A transaction with all that anybody wrote down about it.
 * @typedef {import('./diary.mjs').Begin & { ends: import('./diary.mjs').End[] }} Told
 */

/**
 * What `inspect.mjs` has found.
 * @typedef {object} Found
 * @property {Record<string, { status: 'committed' | 'open' | 'closed', result?: import('./intents.mjs').Seen }>} outcomes
 * @property {number} closed how many requests had an end that nobody had written down
 * @property {number} readAtMs
 * @property {number} readMs
 * @property {Record<string, number[]>} lists
 * @property {Record<string, number>} registers
 * @property {number[]} balances
 * @property {Record<string, number>} effects
 * @property {import('@holdfast/sim').ChainReport} chain
 * @property {number} verifyMs
 * @property {{ ok: boolean, problems: string[], records: number, segments: number, unreferenced: number }} verify
 * @property {number} version
 * @property {number} floor
 */

/** How many problems of one kind are told. */
const TOLD_MAX = 20;

/** @param {string[]} diaries */
function gatherTold(diaries) {
  /** @type {Map<number, Told>} */
  const told = new Map();
  const lines = diaries.flatMap(readDiary);
  for (const line of lines) if ('begin' in line) told.set(line.begin, { ...line, ends: [] });
  for (const line of lines) if ('end' in line) told.get(line.end)?.ends.push(line);
  for (const { ends } of told.values()) ends.sort((a, b) => a.at - b.at);
  return {
    told: [...told.values()],
    refused: lines.flatMap((line) => ('refused' in line ? [line.refused] : [])),
  };
}

/** The first end that says yes or no; else the first one. @param {Told} told */
const endOf = ({ ends }) => ends.find(({ outcome }) => outcome !== 'unknown') ?? ends[0];

/**
 * @param {string[]} diaries
 * @param {Found} found
 * @param {{ killedMs: number, answeringMs: number }[]} restarts
 */
export function judge(diaries, found, restarts) {
  const { told, refused } = gatherTold(diaries);
  /** @type {Record<string, string[]>} */
  const kinds = {
    refused,
    ...effectsOf(told, found),
    closed: closedOf(told, found),
    requests: requestProblems(told, found),
    bank: bankProblems(told, found),
    chain: chainOf(found),
    verify: found.verify.problems.map((problem) => `verify: ${problem}`),
  };
  if (!found.verify.ok && kinds.verify.length === 0) kinds.verify.push('verify: not ok');
  const history = told.map(transactionOf(found));
  const checkedAtMs = performance.now();
  kinds.history = historyProblems(history, found);
  const checkedMs = performance.now() - checkedAtMs;
  const ends = told.map(endOf);
  const committed = told.filter((_, i) => ends[i]?.outcome === 'committed');
  const writes = committed.filter((it) => wrote(it.intent, /** @type {any} */ (endOf(it)?.seen)));
  return {
    problems: Object.values(kinds).flatMap((problems) => [
      ...problems.slice(0, TOLD_MAX),
      ...(problems.length > TOLD_MAX ? [`… and ${problems.length - TOLD_MAX} more like these.`] : []),
    ]),
    transactions: told.length,
    acknowledged: { writes: writes.length, reads: committed.length - writes.length },
    requests: committed.filter(({ requestId }) => requestId !== undefined).length,
    aborted: ends.filter((end) => end?.outcome === 'aborted').length,
    unknown: unknownsOf(told, found),
    records: found.version,
    recoveries: restarts.map((restart) => recoveryOf(restart, writes)),
    longest: longestSilence(writes),
    checked: { history: history.length, seconds: checkedMs / 1000 },
    verify: { ...found.verify, problems: undefined, seconds: found.verifyMs / 1000 },
  };
}

/** Where each element is, by what was found. @param {Found} found */
function placesOf({ lists }) {
  /** @type {Map<number, string[]>} */
  const places = new Map();
  for (const [key, elements] of Object.entries(lists))
    for (const element of elements) places.set(element, [...(places.get(element) ?? []), key]);
  return places;
}

/** Each acknowledged append is there once, and of each transaction all of them or none. */
function effectsOf(told, found) {
  const places = placesOf(found);
  const lost = [];
  const doubled = [];
  const torn = [];
  const ghosts = [];
  const byId = new Map(told.map((it) => [it.begin, it]));
  for (const it of told) {
    const wanted = it.intent.steps.filter(([what]) => what === 'append').map(([, key]) => key);
    const there = places.get(it.begin) ?? [];
    const end = endOf(it);
    const full = end?.seen?.full === true;
    const who = `Transaction ${it.begin} (${end?.outcome ?? 'killed'})`;
    if (new Set(there).size < there.length) doubled.push(`${who} DOUBLED: it is in ${there.join(', ')}.`);
    if (there.some((key) => !wanted.includes(key)))
      ghosts.push(`${who} is in ${there}, meant for ${wanted}.`);
    if (there.length > 0 && there.length < wanted.length)
      torn.push(`${who} TORN: it is in ${there.join(', ')}, not in all of ${wanted.join(', ')}.`);
    if (end?.outcome === 'committed' && !full && there.length < wanted.length)
      lost.push(`${who} LOST: it is in ${there.join(', ') || 'no list'}, not in ${wanted.join(', ')}.`);
    if (end?.outcome === 'aborted' && there.length > 0)
      ghosts.push(`${who} was told that it did not happen (${end.code}), and is in ${there.join(', ')}.`);
  }
  for (const [element, keys] of places)
    if (!byId.has(element)) ghosts.push(`Element ${element} in ${keys.join(', ')} is nobody's.`);
  return { lost, doubled, torn, ghosts };
}

/** Who was told that a request did not happen was told the truth; the rest is for `checkExactlyOnce`. */
function closedOf(told, { outcomes }) {
  return told.flatMap(({ requestId, ends }) =>
    requestId !== undefined && outcomes[requestId]?.status === 'committed'
      ? ends
          .filter(({ outcome }) => outcome === 'aborted')
          .map(({ code, at }) => `${requestId} is committed, and at ${at} somebody was told ${code}.`)
      : [],
  );
}

function chainOf({ chain, version, floor, verify }) {
  const problems = chain.problems.map(({ message }) => message);
  if (chain.tip !== version) problems.push(`The log ends with ${chain.tip}, and the version is ${version}.`);
  if (verify.records !== version - floor + 1)
    problems.push(`verify saw ${verify.records} records of ${version - floor + 1}.`);
  return problems;
}

/** How many transactions had no end that was told, and what became of them. */
function unknownsOf(told, found) {
  const places = placesOf(found);
  const counts = { all: 0, committed: 0, not: 0, readsOrOverwritten: 0, byOutcomeOf: 0 };
  for (const it of told) {
    const end = endOf(it);
    if (end && end.outcome !== 'unknown') continue;
    counts.all++;
    const outcome = it.requestId === undefined ? undefined : found.outcomes[it.requestId];
    if (outcome) counts.byOutcomeOf++;
    const appends = it.intent.steps.some(([what]) => what === 'append');
    if (outcome) counts[outcome.status === 'committed' ? 'committed' : 'not']++;
    else if (appends) counts[places.has(it.begin) ? 'committed' : 'not']++;
    else if (it.intent.steps.some(([what, key]) => what === 'write' && found.registers[key] === it.begin))
      counts.committed++;
    else counts.readsOrOverwritten++;
  }
  return counts;
}

/** As the checkers of packages/sim take it. @param {Found} found */
function transactionOf(found) {
  return (/** @type {Told} */ it) => {
    const end = endOf(it);
    const { begin: id, by: process, at: invoked, intent } = it;
    const settled = it.requestId === undefined ? undefined : found.outcomes[it.requestId];
    const outcome = end?.outcome ?? 'unknown';
    // Of one whose end was not told only what it meant to write is known; a request's result is kept by the store.
    const operations =
      end?.seen?.ops ??
      (settled?.status === 'committed' ? settled.result?.ops : undefined) ??
      intent.steps.flatMap(([what, key]) =>
        what === 'append'
          ? [{ op: 'append', key, element: id }]
          : what === 'write'
            ? [{ op: 'write', key, value: id }]
            : [],
      );
    const told = outcome !== 'unknown' && end;
    return {
      ...{ id, process, invoked, returned: told ? end.at : null, operations },
      outcome:
        outcome === 'unknown' && settled
          ? settled.status === 'committed'
            ? 'committed'
            : 'aborted'
          : outcome,
      ...(intent.stalenessMs !== undefined && { stalenessMs: intent.stalenessMs }),
    };
  };
}

/** Milliseconds, from the kill and from when the store took a PUT again, to the first acknowledged write. */
function recoveryOf({ killedMs, answeringMs }, writes) {
  let firstMs = Number.POSITIVE_INFINITY;
  for (const it of writes) {
    const at = endOf(it)?.at ?? 0;
    if (at > answeringMs && at < firstMs) firstMs = at;
  }
  return {
    storeMs: Math.round(answeringMs - killedMs),
    answeringToCommitMs: Math.round(firstMs - answeringMs),
    killToCommitMs: Math.round(firstMs - killedMs),
  };
}

/** The longest time without an acknowledged write, milliseconds. */
function longestSilence(writes) {
  const times = writes.map((it) => endOf(it)?.at ?? 0).sort((a, b) => a - b);
  return Math.round(times.reduce((longest, at, i) => Math.max(longest, i > 0 ? at - times[i - 1] : 0), 0));
}
