/** What must hold of a database that is being closed, and of one that was. */
import { HoldfastError } from '@holdfast/core';
import type { Database } from '@holdfast/mvcc';
import type { Random } from './random.js';

const calls: readonly [string, (db: Database) => unknown][] = [
  ['get', (db) => db.get(['closed'])],
  ['getMany', (db) => db.getMany([['closed']])],
  ['count', (db) => db.count()],
  ['list', (db) => db.list().next()],
  ['set', (db) => db.set(['closed'], 1)],
  ['transact', (db) => db.transact((tx) => tx.set(['closed'], 1))],
  ['atomic', (db) => db.atomic().set(['closed'], 1).commit()],
  ['outcome', (db) => db.outcome('closed', { close: true })],
  ['snapshot', (db) => db.snapshot()],
  ['watch', (db) => db.watch().next()],
  ['flush', (db) => db.flush()],
  ['verify', (db) => db.verify()],
];

/**
 * Closes `db`, twice. Resolves when the first close() has.
 * @param violation told of a call that is taken after the close, and of a second close() that ends before the first.
 */
export async function checkClosed(
  db: Database,
  random: Random,
  violation: (text: string) => void,
): Promise<void> {
  let ended = false;
  const first = db.close();
  // Before anything waits for the second one: they may be one promise.
  first.then(
    () => {
      ended = true;
    },
    () => {},
  );
  db.close().then(
    () => {
      if (!ended) violation('A second close() resolved before the first.');
    },
    (error: unknown) => violation(`A second close() rejected: ${String(error)}`),
  );
  refuse(db, random.pick(calls), 'being closed', violation);
  try {
    await first;
  } catch (error) {
    violation(`close() rejected: ${error instanceof Error ? error.stack : String(error)}`);
  }
  refuse(db, random.pick(calls), 'closed', violation);
}

async function refuse(
  db: Database,
  [name, call]: (typeof calls)[number],
  when: string,
  violation: (text: string) => void,
): Promise<void> {
  try {
    await call(db);
    violation(`${name} was taken by a database that was ${when}.`);
  } catch (error) {
    // One that has seen two histories stays at that.
    const known = error instanceof HoldfastError && ['CLOSED', 'FORK', 'ROLLBACK'].includes(error.code);
    if (!known) violation(`${name} of a database that was ${when} heard ${String(error)}, not CLOSED.`);
  }
}
