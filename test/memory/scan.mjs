/** Walks over all of what build.mjs has built. Argument: { location, key, shuffled }. */
import { open } from 'holdfast';
import { bytesOf, lengthOf } from './items.mjs';
import { report } from './report.mjs';

// What Math.imul(n, 2654435761) is undone by, modulo 2^32.
const UNSHUFFLE = 244002641;
const { location, key, shuffled } = JSON.parse(process.argv[2]);
const db = await open(location, { key: Buffer.from(key, 'hex'), readOnly: true });
let items = 0;
let bytes = 0;
for await (const entry of db.list({ prefix: ['item'] })) {
  const n = shuffled ? Math.imul(entry.key[1], UNSHUFFLE) >>> 0 : entry.key[1];
  const { value } = entry;
  if (value.length !== lengthOf(n) || Buffer.compare(value.subarray(0, 16), bytesOf(n, 16)) !== 0)
    throw new Error(`Item ${n} is not as it was written.`);
  items++;
  bytes += value.length;
}
const { segments } = db.stats();
await db.close();
report({ items, bytes, segments });
