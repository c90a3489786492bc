/**
 * A process that has seen nothing of the campaign, past the proxy: settles the requests that are still open, asks
 * for the outcome of each, and reads all that is there. Its answer goes to the file `plan.found`.
 */
import { writeFileSync } from 'node:fs';
import { checkChain } from '@holdfast/sim';
import { open } from 'holdfast';
import { nowMs } from '../journal.mjs';
import { readDiary } from './diary.mjs';
import { storeAt } from './places.mjs';

const plan = JSON.parse(process.argv[2]);
const db = await open(storeAt(plan.place), { key: Buffer.from(plan.key, 'hex'), create: false });
const BATCH = 256;

/** @type {Map<string, boolean>} request id -> whether its end was written down */
const requests = new Map();
/** @type {Map<number, string>} */
const idOf = new Map();
for (const diary of plan.diaries)
  for (const line of readDiary(diary))
    if (line.requestId !== undefined) {
      requests.set(line.requestId, false);
      idOf.set(line.begin, line.requestId);
    }
for (const diary of plan.diaries)
  for (const line of readDiary(diary))
    if (line.outcome !== undefined && idOf.has(line.end)) requests.set(idOf.get(line.end), true);

/** @type {Record<string, object>} */
const outcomes = {};
let closed = 0;
const ids = [...requests.keys()];
for (let at = 0; at < ids.length; at += BATCH)
  await Promise.all(
    ids.slice(at, at + BATCH).map(async (id) => {
      const known = requests.get(id);
      if (!known) closed++;
      // Of one whose end is known nothing is to be done: what is not there now never will be.
      outcomes[id] = await db.outcome(id, { close: !known });
    }),
  );

const readAtMs = nowMs();
/** @type {Record<string, number[]>} */
const lists = {};
for await (const { key, value } of db.list({ prefix: ['list'] })) lists[`${key[1]}/${key[2]}`] = value;
/** @type {Record<string, number>} */
const registers = {};
for await (const { key, value } of db.list({ prefix: ['register'] })) registers[key[1]] = value;
/** @type {number[]} */
const balances = [];
for await (const { key, value } of db.list({ prefix: ['account'] })) balances[Number(key[1])] = value;
/** @type {Record<string, number>} how often each request took effect */
const effects = {};
for await (const { key, value } of db.list({ prefix: ['effect'] })) effects[`request ${key[1]}`] = value;
const readMs = nowMs() - readAtMs;

/** The log, as somebody without keys sees it. @type {Map<string, Uint8Array>} */
const log = new Map();
const store = storeAt(plan.place);
/** @type {string[]} */
const names = [];
for await (const { key } of store.list('log/')) names.push(key);
for (let at = 0; at < names.length; at += BATCH)
  await Promise.all(
    names.slice(at, at + BATCH).map(async (name) => {
      const object = await store.get(name);
      if (object) log.set(name, object.bytes);
    }),
  );
await store.close();
const chain = checkChain(log);
const beganMs = nowMs();
const { ok, problems, records, segments, entries, blocks, bytes, unreferenced, version } = await db.verify({
  deep: true,
});
const verifyMs = nowMs() - beganMs;
const { floor, flushedThrough } = db.stats();
await db.close();
writeFileSync(
  plan.found,
  JSON.stringify({
    ...{ outcomes, closed, readAtMs, readMs, lists, registers, balances, effects, chain, verifyMs },
    verify: { ok, problems, records, segments, entries, blocks, bytes, unreferenced },
    ...{ version, floor, flushedThrough },
  }),
);
