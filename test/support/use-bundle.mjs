// Uses a bundle as a program would: `node use-bundle.mjs <bundle> <location> [credentials as JSON]`. Prints what it read.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [bundle, location, credentials] = process.argv.slice(2);
const { open } = bundle.endsWith('.cjs')
  ? createRequire(import.meta.url)(bundle)
  : await import(pathToFileURL(bundle).href);
const key = new Uint8Array(32).fill(7);
const options = { key, ...(credentials && { credentials: JSON.parse(credentials) }) };
const db = await open(location, options);
await db.transact(async (tx) => {
  tx.set('map', new Map([[1n, new Date(0)]]));
  tx.add('n', 1);
});
await db.flush();
await db.close();
const again = await open(location, { ...options, create: false });
const map = await again.get('map');
console.log(
  JSON.stringify({
    n: await again.get('n'),
    map: map instanceof Map && [...map].map(String),
    count: await again.count(),
  }),
);
await again.close();
