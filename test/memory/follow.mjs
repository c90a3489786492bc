/**
 * Follows a database whose store is in the process that has started this one, record by record. Tells at the end what
 * it saw. Messages: a call of the store and its answer; 'look': read, and answer with the version.
 */
import { open } from 'holdfast';
import { report } from './report.mjs';

const { key } = JSON.parse(process.argv[2]);
/** @type {Map<number, (answer: any) => void>} */
const waiting = new Map();
let calls = 0;

/** @param {string} name @param {unknown[]} args @returns {Promise<any>} */
function call(name, ...args) {
  const id = ++calls;
  process.send({ call: name, id, args });
  return new Promise((resolve) => waiting.set(id, resolve));
}

/** @type {import('holdfast').ObjectStore} */
const store = {
  capabilities: { putIfAbsent: true, putIfMatch: true, orderedList: true },
  identity: 'parent:',
  get: (name, { range } = {}) => call('get', name, { range }),
  put: () => Promise.reject(new Error('A follower writes nothing.')),
  delete: () => Promise.reject(new Error('A follower deletes nothing.')),
  async *list(prefix, { after, limit } = {}) {
    yield* await call('list', prefix, { after, limit });
  },
};

/** @type {import('holdfast').Database | undefined} */
let db;
process.on('message', async (message) => {
  if (message.answers !== undefined) {
    waiting.get(message.id)?.(message.answers.value);
    waiting.delete(message.id);
  } else if (message === 'look') {
    db ??= await open(store, { key: Buffer.from(key, 'hex'), readOnly: true });
    await db.get('nothing');
    process.send({ version: db.version });
  } else {
    const { version } = db;
    const count = await db.count();
    const { tailBytes } = db.stats();
    // What is still held when all that can go is gone.
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const heldMiB = Math.round(process.memoryUsage().arrayBuffers / 2 ** 20);
    report({ version, count, tailBytes, heldMiB });
    process.disconnect();
  }
});
