/** Imports records, one JSON object a line, from standard input. Argument: { location, key, perTransaction }. */
import { createInterface } from 'node:readline';
import { open } from 'holdfast';
import { report } from './report.mjs';

const { location, key, perTransaction } = JSON.parse(process.argv[2]);
const db = await open(location, { key: Buffer.from(key, 'hex') });
let imported = 0;
/** @type {object[]} */
let batch = [];

async function write() {
  const first = imported;
  const records = batch;
  batch = [];
  await db.transact((tx) => {
    for (const [i, record] of records.entries()) tx.set(['record', first + i], record);
  });
  imported += records.length;
}

for await (const line of createInterface({ input: process.stdin })) {
  batch.push(JSON.parse(line));
  if (batch.length === perTransaction) await write();
}
if (batch.length > 0) await write();
const counted = await db.count({ prefix: ['record'] });
await db.close();
report({ imported, counted });
