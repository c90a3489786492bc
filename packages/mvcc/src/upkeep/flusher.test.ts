/** What commits faster than its flush can upload waits for it: what is not flushed has a bound. */
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';

const MIB = 1024 * 1024;
/** Eight times what a flush is due at, and the groups that were under way. */
const TAIL_BYTES_MAX = 16 * MIB + 2 * MIB;
const VALUE = new Uint8Array(100 * 1024);

let memory: MemoryStore;
/** What is done with the PUT of a segment. */
let segments: () => Promise<void>;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  segments = async () => {};
  const store: ObjectStore = {
    capabilities: memory.capabilities,
    get: (name, options) => memory.get(name, options),
    delete: (names, options) => memory.delete(names, options),
    list: (prefix, options) => memory.list(prefix, options),
    put: async (name, bytes, options) => {
      if (name.startsWith('seg/')) await segments();
      return memory.put(name, bytes, options);
    },
  };
  db = await openDatabase(store, { key: 'plaintext', probe: 'skip' });
});

/** Writers who never wait for anything but their commits. */
async function write(rounds: number, onRound: () => void = () => {}): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => db.set([round, i], VALUE)));
    onRound();
  }
}

describe('a writer that outruns its flush', () => {
  test('waits for it, and then goes on', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    segments = () => held;
    let rounds = 0;
    let most = 0;
    const writing = write(60, () => {
      rounds++;
      most = Math.max(most, db.stats().tailBytes);
    });
    // As long as it goes on; then it stands still for many turns of the event loop.
    for (let before = -1, still = 0; still < 50; still = rounds === before ? still + 1 : 0) {
      before = rounds;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(rounds).toBeGreaterThan(10);
    expect(rounds).toBeLessThan(60);
    expect(db.stats().tailBytes).toBeLessThan(TAIL_BYTES_MAX);
    release();
    await writing;
    expect(most).toBeLessThan(TAIL_BYTES_MAX);
    expect(await db.count()).toBe(480);
  });

  test('may give up while it waits, and nothing was written', async () => {
    segments = () => new Promise<never>(() => {});
    while (db.stats().tailBytes < 16 * MIB) await write(1);
    const stop = new AbortController();
    const waiting = db.set('late', 1, { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
    const other = await openDatabase(memory, { key: 'plaintext', probe: 'skip', readOnly: true });
    expect(await other.get('late')).toBeUndefined();
  });

  test('is not failed by a flush that can not be done', async () => {
    segments = async () => {
      throw new StoreError('DENIED', 'no segments today');
    };
    await write(40);
    expect(await db.count()).toBe(320);
  });
});
