/**
 * A process that meets a folder which refuses: run by bad-places.test.ts, inside a small file system, under a limit,
 * or as another user. Argument: { task, folder, key, uid }. Prints what it met as JSON.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'holdfast';

const { task, folder, key, uid } = JSON.parse(process.argv[2]);
const options = { key: Buffer.from(key, 'hex'), maintenance: 'manual' };
const location = `file:${folder}`;
// Past a limit of file sizes the system sends this, and ends who does not listen.
process.on('SIGXFSZ', () => {});

function files() {
  const found = {};
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) found[name] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return JSON.stringify(found);
}

const told = (error) => ({ name: error.name, code: error.code, message: error.message });

const tasks = {
  async fill() {
    const ballast = join(folder, '..', 'ballast');
    writeFileSync(ballast, new Uint8Array(100_000));
    const db = await open(location, options);
    await db.set('first', 1);
    let written = 0;
    let before;
    let refused;
    // Each larger than the one before: sooner or later one does not fit, whatever the limit is of.
    while (!refused && written < 60) {
      before = files();
      await db.set(['fill', written], 'x'.repeat(10_000 * (written + 1))).then(
        () => written++,
        (error) => (refused = told(error)),
      );
    }
    const unchanged = before === files();
    const large = await db
      .transact((tx) => tx.set('large', 'x'.repeat(2_000_000)))
      .then(() => undefined, told);
    const stillUnchanged = before === files();
    const again = await open(location, options);
    const [first, count] = [await again.get('first'), await again.count({ prefix: 'fill' })];
    await again.close();
    rmSync(ballast);
    await db.set('after', 1);
    const report = await db.verify();
    await db.close();
    return { written, refused, unchanged, large, stillUnchanged, first, count, ok: report.ok };
  },
  async write() {
    const db = await open(location, options);
    const first = await db.get('first');
    const refused = await db.set('second', 2).then(() => undefined, told);
    const flush = await db.flush().then(() => undefined, told);
    return { first, refused, flush, still: await db.get('first'), count: await db.count() };
  },
  async open() {
    return { refused: await open(location, options).then(() => undefined, told) };
  },
};

if (uid !== undefined) {
  process.setgroups([]);
  process.setgid(uid);
  process.setuid(uid);
}
process.stdout.write(JSON.stringify(await tasks[task]()), () => process.exit(0));
