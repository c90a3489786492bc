/**
 * Builds a large state through transactions of about 4 MiB.
 * Argument: { location, key, bytes, shuffled }. `shuffled`: each transaction's keys lie all over the state.
 */
import { open } from 'holdfast';
import { bytesOf, lengthOf } from './items.mjs';
import { report } from './report.mjs';

const { location, key, bytes, shuffled } = JSON.parse(process.argv[2]);
const TRANSACTION_BYTES = 4 * 1024 * 1024;
const db = await open(location, { key: Buffer.from(key, 'hex') });
let items = 0;
let written = 0;
while (written < bytes) {
  const first = items;
  let own = 0;
  for (; own < TRANSACTION_BYTES; items++) own += lengthOf(items);
  await db.transact((tx) => {
    for (let n = first; n < items; n++)
      tx.set(['item', shuffled ? Math.imul(n, 2654435761) >>> 0 : n], bytesOf(n));
  });
  written += own;
}
await db.close();
report({ items, bytes: written });
