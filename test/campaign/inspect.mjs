/**
 * A process that opens what the workers have left, in the knowledge of nothing but location and key, and prints
 * what it finds as JSON.
 */
import { open } from 'holdfast';
import { totalKey } from './calls.mjs';

const { location, key } = JSON.parse(process.argv[2]);
const db = await open(location, { key: Buffer.from(key, 'hex'), readOnly: true, create: false });
const { ok, problems, records, version, unreferenced } = await db.verify({ deep: true });

/** @type {[number, number][]} */
const counters = [];
for await (const entry of db.list({ prefix: ['counter'] })) counters.push([entry.key[1], entry.value]);
const total = await db.get(totalKey);

// The chain, as `log` tells it: each version once, each with the hash that the next one names.
let gaps = 0;
let transactions = 0;
let child;
for await (const entry of db.log()) {
  if (child && (entry.version !== child.version - 1 || Buffer.compare(entry.hash, child.parent) !== 0))
    gaps++;
  transactions += entry.transactions;
  child = entry;
}
if (child?.version !== 1) gaps++;
const { flushedThrough, segments, floor } = db.stats();
await db.close();
console.log(
  JSON.stringify({
    counters,
    total,
    verify: { ok, problems, records, unreferenced },
    version,
    floor,
    gaps,
    transactions,
    flushedThrough,
    segments,
  }),
);
