/**
 * A process with several clients, each of which runs one transaction after the other until the process is told to
 * stop, or is killed. First it sends again the open requests that `inherits` names.
 *
 * Argument: the plan as JSON (`conductor.mjs`). Tells its parent how many of its transactions are acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from 'holdfast';
import { nowMs } from '../journal.mjs';
import { openDiary, readDiary } from './diary.mjs';
import { drawing } from './draw.mjs';
import { drawIntent, Generations, place, runIntent, wrote } from './intents.mjs';
import { storeAt } from './places.mjs';

const plan = JSON.parse(process.argv[2]);
/** Its number among all processes of the campaign: transaction ids begin with it. */
const { incarnation } = plan;
const diary = openDiary(plan.diary);
const draw = drawing(plan.seed);
const generations = new Generations(plan.generations);
const acknowledged = { writes: 0, reads: 0 };
/** What its clients were told, and went on after. */
const failures = { unavailable: 0, fenced: 0, outcomeUnknown: 0 };
let stopping = false;
let count = 0;
/** The newest that was acknowledged. */
let last = -1;

/** How often the log was listed. */
let logListings = 0;

/** The signal that strikes this process while its next record or intent is on its way, if that is sent in time. */
let armed = { signal: /** @type {NodeJS.Signals} */ ('SIGKILL'), untilMs: 0 };

process.on('disconnect', () => process.exit(1));
process.on(
  'message',
  (/** @type {{ do: 'stop' } | { do: 'arm', signal: NodeJS.Signals, untilMs: number }} */ message) => {
    if (message.do === 'stop') stopping = true;
    else armed = message;
  },
);

const db = await openPatiently();
const tell = () => {
  const { commits, conflicts, rebases, reruns, flushes } = db.stats();
  // Opening lists once; later it is done by who slept too long to trust an empty slot.
  const relocations = Math.max(0, logListings - 1);
  const stats = { commits, conflicts, rebases, reruns, flushes, relocations, ...failures };
  process.send?.({ acknowledged, generations: generations.known, stats });
};
const ticker = setInterval(tell, 250);

await Promise.all(openRequests().map((begun) => settle(begun)));
await Promise.all(
  Array.from({ length: plan.clients }, async (_, client) => {
    for (let n = 0; !stopping && n < plan.transactions; n++) await next(`${incarnation}.${client}`);
  }),
);
clearInterval(ticker);
tell();
await db.close();
process.exit(0);

/** What faults explain; anything else ends the campaign. @param {any} error */
function passes(error) {
  if (error.code === 'OUTCOME_UNKNOWN') failures.outcomeUnknown++;
  else if (/fenced off/.test(error.message)) failures.fenced++;
  else if (error.code === 'UNAVAILABLE') failures.unavailable++;
  return ['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'CONFLICT'].includes(error.code);
}

/** @param {any} error */
function refuse(error) {
  diary.write({ refused: `${error.code ?? error.name}: ${error.stack}`, at: nowMs() });
  process.exit(3);
}

/** Between the sending of a record and its answer little time passes: a blow that comes at random misses it. */
function strikable(store) {
  const put = store.put.bind(store);
  const list = store.list.bind(store);
  store.list = (prefix, options) => {
    if (prefix.startsWith('log/')) logListings++;
    return list(prefix, options);
  };
  store.put = (name, bytes, options) => {
    const { signal, untilMs } = armed;
    if (/^(log|int)\//.test(name) && nowMs() < untilMs)
      setTimeout(
        () => {
          // Later the conductor has struck itself, and would not end a second stop.
          if (nowMs() < armed.untilMs) process.kill(process.pid, signal);
          armed.untilMs = 0;
        },
        draw.between(0, 25),
      );
    return put(name, bytes, options);
  };
  return store;
}

async function openPatiently() {
  for (;;) {
    try {
      return await open(strikable(storeAt(plan.place, plan.requestTimeoutMs)), {
        key: Buffer.from(plan.key, 'hex'),
        create: false,
        commitTimeoutMs: plan.commitTimeoutMs,
      });
    } catch (error) {
      if (!passes(error)) refuse(error);
      await sleep(100);
    }
  }
}

/** Requests that others began, and whose end nobody has written down. */
function openRequests() {
  const lines = plan.inherits.flatMap(readDiary);
  const ended = new Set(lines.filter((line) => line.outcome !== undefined).map((line) => line.end));
  return lines.filter((line) => line.requestId !== undefined && !ended.has(line.begin));
}

/** @param {string} by */
async function next(by) {
  const id = incarnation * 1_000_000 + count++;
  const intent = drawIntent(draw, generations);
  const requestId = intent.kind === 'request' ? `request ${id}` : undefined;
  const begun = { begin: id, by, at: nowMs(), intent, ...(requestId && { requestId }) };
  diary.write(begun);
  if (requestId) {
    // Now and then its client is in a hurry, and sends it twice at once.
    const times = draw.fraction() < 0.1 ? 2 : 1;
    await Promise.all(Array.from({ length: times }, () => settle(begun)));
    return;
  }
  try {
    const seen = intent.stalenessMs === undefined ? await transact(begun) : await staleRead(intent);
    end(begun, seen);
  } catch (error) {
    if (!passes(error)) refuse(error);
    const outcome = error.maybeCommitted ? 'unknown' : 'aborted';
    diary.write({ end: id, at: nowMs(), outcome, code: error.code });
    await sleep(draw.between(10, 100));
  }
}

function transact({ begin, intent, requestId }) {
  return db.transact((tx) => runIntent(tx, intent, begin), requestId ? { requestId, input: intent } : {});
}

function end({ begin, intent }, seen) {
  diary.write({ end: begin, at: nowMs(), outcome: 'committed', seen });
  for (const op of seen.ops) if (op.op === 'list') generations.saw(op.key, op.elements.length);
  // A request that was sent twice at once is told twice.
  if (last === begin) return;
  last = begin;
  acknowledged[wrote(intent, seen) ? 'writes' : 'reads']++;
}

/** Sends a request until its outcome is known; sometimes by closing it. */
async function settle(begun) {
  const { begin, requestId } = begun;
  for (let closing = false; ; ) {
    try {
      if (!closing) return end(begun, await transact(begun));
      const outcome = await db.outcome(requestId, { close: true });
      if (outcome.status === 'committed') return end(begun, outcome.result);
      if (outcome.status === 'open') refuse(new Error(`${requestId} is open after it was closed.`));
      diary.write({ end: begin, at: nowMs(), outcome: 'aborted', code: 'closed' });
      return;
    } catch (error) {
      if (error.code === 'REQUEST_CLOSED') {
        diary.write({ end: begin, at: nowMs(), outcome: 'aborted', code: error.code });
        return;
      }
      if (!passes(error)) refuse(error);
      closing = draw.fraction() < 0.2;
      await sleep(draw.between(10, 100));
    }
  }
}

/** A read of the state as it was at most so long ago. */
async function staleRead({ steps, stalenessMs }) {
  const found = await db.getMany(
    steps.map(([what, key]) => place(what, key)),
    { maxStalenessMs: stalenessMs },
  );
  return {
    ops: steps.map(([what, key], i) =>
      what === 'list'
        ? { op: 'list', key, elements: found[i] ?? [] }
        : { op: 'read', key, value: found[i] ?? null },
    ),
  };
}
