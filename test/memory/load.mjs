/** Loads items of 1 to 4 KiB until they weigh `bytes`. Argument: { location, key, bytes, shuffled }. */
import { open } from 'holdfast';
import { bytesOf, lengthOf } from './items.mjs';
import { report } from './report.mjs';

const { location, key, bytes, shuffled } = JSON.parse(process.argv[2]);

function* items() {
  let weight = 0;
  for (let i = 0; weight < bytes; i++) {
    weight += lengthOf(i);
    // Odd, so that no two are the same.
    yield [['item', shuffled ? Math.imul(i, 2654435761) >>> 0 : i], bytesOf(i)];
  }
}

const db = await open(location, { key: Buffer.from(key, 'hex') });
const { entries } = await db.load(items());
await db.close();
report({ items: entries });
