/**
 * Reads from an S3 server that answers honestly until it is told to send without end, under names that begin so.
 * Argument: { endpoint, credentials, key }. Messages: { turn }, answered when it is done.
 */
import { s3Store } from '@holdfast/backend-s3';
import { open } from 'holdfast';
import { finish, refused } from './giants.mjs';

const { endpoint, credentials, key } = JSON.parse(process.argv[2]);
const store = s3Store({
  bucket: 'bucket',
  prefix: 'db/',
  region: 'us-east-1',
  endpoint,
  credentials,
  forcePathStyle: true,
});
const options = { key: Buffer.from(key, 'hex'), probe: 'skip', maintenance: 'manual', cacheBytes: 0 };

/** @param {string} turn @returns {Promise<void>} */
function turn(turn) {
  process.send({ turn });
  return new Promise((resolve) => process.once('message', () => resolve()));
}

const writer = await open(store, options);
for (let i = 0; i < 50; i++) await writer.set(['k', i], 'x'.repeat(2_000));
await writer.flush();
for (const length of ['announced', 'unannounced']) {
  await turn('');
  const db = await open(store, options);
  await turn(`log/ ${length}`);
  await refused(`the next record, ${length}`, () => db.get(['k', 1]));
  await refused(`a walk, ${length}`, () => db.list().next());
  await refused(`opening, ${length}`, () => open(store, options));
  await refused(`a past version, ${length}`, () => db.snapshot({ at: 3 }));
  await turn(`seg/ ${length}`);
  await refused(`a segment, ${length}`, () => db.get(['k', 1]));
  await refused(`a walk over segments, ${length}`, async () => {
    for await (const _ of db.list());
  });
  await turn(`list ${length}`);
  await refused(`opening by an endless listing, ${length}`, () => open(store, options));
  await db.close();
}
await turn('');
finish();
