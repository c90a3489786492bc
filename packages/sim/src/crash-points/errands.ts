/** What a crowd commits, and what must then be there: each request counts itself, and leaves its name. */
import type { Database, Transaction } from '@holdfast/mvcc';
import { largeValue } from '../workload/programs.js';

export interface Errand {
  readonly name: string;
  prepare(db: Database): Promise<void>;
  /** @param request its id: the member of the crowd, and its number. */
  commit(db: Database, request: string): Promise<unknown>;
  /** @returns what is wrong, where exactly these happened. */
  look(db: Database, done: readonly string[]): Promise<string[]>;
}

const LARGE = 3;

async function prepare(db: Database): Promise<void> {
  for (let i = 0; i < 3; i++) await db.set(['before', i], i);
}

function named(db: Database, requestId: string, body: (tx: Transaction) => unknown): Promise<unknown> {
  return db.transact(
    async (tx) => {
      await body(tx);
    },
    { requestId, input: requestId },
  );
}

/** Conflicts with nothing. */
function leaveName(tx: Transaction, request: string): void {
  tx.set(['name', request], true);
  tx.add(['n'], 1);
}

async function lookAtNames(db: Database, done: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const key of db.keys({ prefix: ['name'] })) names.push(String(key[1]));
  const problems: string[] = [];
  for (const name of done)
    if (!names.includes(name)) problems.push(`Request ${name} happened, and is not there.`);
  for (const name of names)
    if (!done.includes(name)) problems.push(`Request ${name} is there, and did not happen.`);
  const n = await db.get(['n']);
  if (n !== done.length) problems.push(`${done.length} requests happened, and count as ${String(n)}.`);
  return problems;
}

const blind: Errand = {
  name: 'blind writes',
  prepare,
  commit: (db, request) => named(db, request, (tx) => leaveName(tx, request)),
  look: lookAtNames,
};

const hotKey: Errand = {
  name: 'one key, read and written',
  prepare,
  commit: (db, request) =>
    named(db, request, async (tx) => {
      const n = (await tx.get<number>(['n'])) ?? 0;
      tx.set(['n'], n + 1);
      tx.set(['name', request], true);
    }),
  look: lookAtNames,
};

/** One of the crowd writes large values, one deletes ranges, one flushes. */
const mixed: Errand = {
  name: 'a mixed crowd',
  prepare,
  async commit(db, request) {
    const [member, i] = request.split('/');
    if (member === '2' && i === '1') await db.flush();
    return named(db, request, (tx) => {
      leaveName(tx, request);
      if (member === '0' && i === '1')
        for (let at = 0; at < LARGE; at++) tx.set(['large', at], largeValue(1, at));
      if (member !== '1') return;
      tx.set(['span', 'before'], request);
      tx.deleteRange({ prefix: ['span'] });
      tx.set(['span', 'after'], request);
    });
  },
  async look(db, done) {
    const problems = await lookAtNames(db, done);
    const large = await db.count({ prefix: ['large'] });
    if (large !== (done.includes('0/1') ? LARGE : 0)) problems.push(`There are ${large} large values.`);
    if (await db.has(['span', 'before'])) problems.push('What was in a deleted range is there.');
    return problems;
  },
};

export const errands: readonly Errand[] = [blind, hotKey, mixed];
