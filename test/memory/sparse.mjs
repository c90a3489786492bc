/** Reads a folder in which files have become giants: sparse ones, which cost who made them nothing. Argument: { folder, key }. */
import { closeSync, copyFileSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'holdfast';
import { finish, refused } from './giants.mjs';

const { folder, key } = JSON.parse(process.argv[2]);
const GIB = 2 ** 30;
const options = { key: Buffer.from(key, 'hex'), probe: 'skip', maintenance: 'manual', cacheBytes: 0 };
const location = `file:${folder}`;

/** Makes the file so long for as long as `work` takes. */
async function withGiant(path, bytes, work) {
  const kept = `${path}.kept`;
  let existed = true;
  try {
    copyFileSync(path, kept);
  } catch {
    existed = false;
  }
  const fd = openSync(path, 'a');
  ftruncateSync(fd, bytes);
  closeSync(fd);
  await work();
  if (existed) copyFileSync(kept, path);
  else rmSync(path);
  rmSync(kept, { force: true });
}

const MAX = Number.MAX_SAFE_INTEGER;
const slot = (version) => join(folder, 'log', (MAX - version).toString(16).padStart(14, '0'));

const writer = await open(location, options);
for (let i = 0; i < 50; i++) await writer.set(['k', i], 'x'.repeat(2_000));
await writer.flush();
const { version } = writer;
await writer.close();
const segments = readdirSync(join(folder, 'seg')).map((name) => join(folder, 'seg', name));
for (const [name, bytes] of [
  ['700 MiB', 700 * 2 ** 20],
  ['10 GiB', 10 * GIB],
  ['8 TiB', 8192 * GIB],
]) {
  const db = await open(location, options);
  await withGiant(slot(version + 1), bytes, async () => {
    await refused(`the next record, ${name}`, () => db.get(['k', 1]));
    await refused(`a write beside it, ${name}`, () => db.set(['k', 1], 1));
    await refused(`opening, ${name}`, () => open(location, options));
  });
  await db.close();
  await withGiant(slot(version), bytes, async () => {
    await refused(`opening at it, ${name}`, () => open(location, options));
  });
  const again = await open(location, options);
  for (const segment of segments)
    await withGiant(segment, bytes, async () => {
      const walk = async () => {
        for await (const { value } of again.list())
          if (value !== 'x'.repeat(2_000)) throw new Error(`found ${String(value).slice(0, 20)}`);
      };
      await refused(`a segment, ${name}`, walk, true);
      await refused(`verifying a segment, ${name}`, () => again.verify({ deep: true }), true);
    });
  await again.close();
}
finish();
