/** A load, interrupted at its segment and at its record: all of it is there or nothing of it. */
import type { Database, LoadEntry } from '@holdfast/mvcc';
import { type Interrupted, type Looked, prepare, RIVAL } from './interrupted.js';

const ROWS = 40;
/** Keys that were there before, and that it writes anew. */
const OLD = 5;
/** What the rival writes, in the midst of it. */
const RIVALS = 7;

/** In no order, and one of them twice. */
function* rows(): Generator<LoadEntry, void, undefined> {
  for (let i = 0; i < ROWS; i++) yield [['loaded', (i * 7) % ROWS], 'not yet'];
  for (let i = 0; i < ROWS; i++) yield [['loaded', i], 'new'];
}

async function look(db: Database): Promise<Looked> {
  const found = new Map<number, unknown>();
  for await (const { key, value } of db.list({ prefix: ['loaded'] })) found.set(key[1] as number, value);
  // The rival came after it, or is under it.
  if (found.get(RIVALS) === RIVAL) found.set(RIVALS, found.size === ROWS ? 'new' : 'gone');
  if (found.get(RIVALS) === 'gone') found.delete(RIVALS);
  const values = [...found.values()];
  const there = values.filter((value) => value === 'new').length;
  const isWhole = there === ROWS && values.length === ROWS;
  const isNothing = there === 0 && values.length === OLD && values.every((value) => value === 'old');
  const problems = isWhole || isNothing ? [] : [`A part of a load: ${values.join()}.`];
  return { there: isWhole ? 1 : 0, problems };
}

export const loads: readonly Interrupted[] = [
  {
    name: 'load',
    request: 'request',
    prepare: async (db) => {
      await prepare(db);
      for (let i = 0; i < OLD; i++) await db.set(['loaded', i], 'old');
    },
    run: (db) => db.load(rows(), { requestId: 'request' }),
    rival: (tx) => tx.set(['loaded', RIVALS], RIVAL),
    effects: 1,
    look,
  },
];
