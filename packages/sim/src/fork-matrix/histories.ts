/**
 * Two histories of one database: same key, same id, same first records, and then each its own. Both are real: a
 * worker that was shown the common part alone wrote the other one.
 *
 * Invariant: the whole state of either one at any version follows from its name and the version, so that a state
 * that was read is told to be of one, of the other, or of none.
 */
import { type Database, openDatabase } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { Random } from '../world/random.js';

/** `true`: what the process under test has seen; `other`: what the store shows it later. */
export type Branch = 'true' | 'other';

export const GRACE_MS = 20_000;

export interface Histories {
  /** The last version that both have. */
  readonly common: number;
  readonly objects: Readonly<Record<Branch, ReadonlyMap<string, Uint8Array>>>;
  /** The newest version of each. */
  readonly newest: Readonly<Record<Branch, number>>;
}

export const FORK_KEY: Uint8Array = new Uint8Array(32).fill(5);
/** Few, so that each is soon written again: a state laid over another shows. */
const KEYS = 7;

/**
 * @param common how many records both have, from 2: the first one makes the database.
 * @param own how many records each has after those.
 */
export async function makeHistories(common: number, own: Record<Branch, number>): Promise<Histories> {
  const shared = new MemoryStore('fork');
  await write(shared, 'common', common - 1);
  const objects = { true: new Map<string, Uint8Array>(), other: new Map<string, Uint8Array>() };
  for (const branch of ['true', 'other'] as const) {
    const store = new MemoryStore('fork');
    for (const [name, bytes] of shared.objects()) await store.put(name, bytes);
    await write(store, branch, own[branch]);
    objects[branch] = new Map(store.objects());
  }
  return { common, objects, newest: { true: common + own.true, other: common + own.other } };
}

async function write(store: MemoryStore, who: string, records: number): Promise<void> {
  const db = await openDatabase(store, {
    key: FORK_KEY,
    probe: 'skip',
    // All of the tail stays in the records: what a flush has put into segments can't be mixed with another tail.
    maintenance: 'manual',
    clock: new ManualClock(),
    graceMs: GRACE_MS,
    random: new Random(1, `fork ${who}`).bytes,
  });
  for (let i = 0; i < records; i++) await writeOne(db, who);
  await db.close();
}

/** One record of `who`: a key that the others write too, and one that only `who` has. */
async function writeOne(db: Database, who: string): Promise<void> {
  const version = db.version + 1;
  await db.transact((tx) => {
    tx.set(['k', version % KEYS], `${who} ${version}`);
    tx.set(['own', who], version);
  });
}

export type State = ReadonlyMap<string, unknown>;

/** All of what `branch` holds at `version`, by the key's JSON. */
export function stateOf({ common }: Histories, branch: Branch, version: number): State {
  const state = new Map<string, unknown>();
  for (let v = Math.max(2, version - KEYS + 1); v <= version; v++)
    state.set(JSON.stringify(['k', v % KEYS]), `${v <= common ? 'common' : branch} ${v}`);
  if (version > 1) state.set(JSON.stringify(['own', 'common']), Math.min(version, common));
  if (version > common) state.set(JSON.stringify(['own', branch]), version);
  return state;
}

export function sameState(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
