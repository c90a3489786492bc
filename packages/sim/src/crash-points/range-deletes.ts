/** Range deletes, interrupted: the whole range is gone or none of it. */
import type { KeyRange } from '@holdfast/core';
import type { Database, Transaction } from '@holdfast/mvcc';
import { largeValue } from '../workload/programs.js';
import { commit, type Interrupted, type Looked, leaveTrace, NAME, prepare, RIVAL } from './interrupted.js';

const SPAN: KeyRange = { prefix: ['span'] };
const SPAN_KEYS = 6;

/** Half of the keys lie in segments, half in the tail. */
async function prepareSpan(db: Database): Promise<void> {
  await prepare(db);
  for (let i = 0; i < SPAN_KEYS; i++) {
    await db.set(['span', i], i);
    if (i === SPAN_KEYS / 2) await db.flush();
  }
}

/** All of the old keys or none, and what else lies among them. */
async function lookAtSpan(db: Database): Promise<{ old: number; others: string[]; problems: string[] }> {
  const others: string[] = [];
  let old = 0;
  for await (const [, last] of db.keys(SPAN))
    if (typeof last === 'number') old++;
    else others.push(String(last));
  const half = old !== 0 && old !== SPAN_KEYS;
  return { old, others, problems: half ? [`${old} of ${SPAN_KEYS} keys of a deleted range.`] : [] };
}

const rivalInSpan = (tx: Transaction): void => tx.set(['span', RIVAL], RIVAL);

/** The order of the names tells whether the rival's key was deleted. */
async function lookAtNamedSpan(db: Database, names: readonly string[]): Promise<Looked> {
  const { old, others, problems } = await lookAtSpan(db);
  const [it, rival] = [names.indexOf(NAME), names.indexOf(RIVAL)];
  const expected = [...(it >= 0 ? ['after'] : []), ...(rival > it ? [RIVAL] : [])];
  if (others.join() !== expected.join())
    problems.push(`Beside the deleted range there is ${others.join()}, expected ${expected.join()}.`);
  if ((old === 0) !== it >= 0) problems.push('The range and the name that goes with it: half a transaction.');
  return { problems };
}

function deleteSpan(tx: Transaction): Promise<number> {
  tx.set(['span', 'before'], 'before');
  tx.deleteRange(SPAN);
  tx.set(['span', 'after'], 'after');
  return leaveTrace(tx, NAME);
}

export const rangeDeletes: readonly Interrupted[] = [
  commit('commit of a range delete', 'request', {
    prepare: prepareSpan,
    run: (db) => db.transact(deleteSpan, { requestId: 'request', input: 1 }),
    rival: rivalInSpan,
    look: lookAtNamedSpan,
  }),
  commit('large commit of a range delete', 'request', {
    prepare: prepareSpan,
    run: (db) =>
      db.transact(
        (tx) => {
          const deleting = deleteSpan(tx);
          for (let i = 0; i < 3; i++) tx.set(['large', i], largeValue(1, i));
          return deleting;
        },
        { requestId: 'request', input: 1 },
      ),
    rival: rivalInSpan,
    look: lookAtNamedSpan,
  }),
  {
    name: 'range delete alone',
    request: 'request',
    prepare: prepareSpan,
    run: (db) => db.deleteRange(SPAN, { requestId: 'request' }),
    effects: 1,
    look: async (db) => {
      const { old, problems } = await lookAtSpan(db);
      return { there: old === 0 ? 1 : 0, problems };
    },
  },
  {
    name: 'flush of a range delete',
    prepare: async (db) => {
      await prepareSpan(db);
      await db.deleteRange(SPAN);
      await db.set(['span', 'after'], 'after');
    },
    run: (db) => db.flush(),
    effects: 0,
    look: async (db) => {
      const { old, others, problems } = await lookAtSpan(db);
      if (old > 0 || others.join() !== 'after')
        problems.push(`Deleted: ${old} and ${others.join()} are there.`);
      return { problems };
    },
  },
];
