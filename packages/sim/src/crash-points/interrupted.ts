/** What an operation is that is interrupted, and the trace that it leaves. */
import type { Database, RequestId, Retention, Transaction } from '@holdfast/mvcc';
import type { Worker } from '../world/fleet.js';

export interface Interrupted {
  readonly name: string;
  /** Undefined: it can't be asked for afterwards, and is not sent again. */
  readonly request?: RequestId;
  /** Makes the state that it starts from. `undefined`: an empty bucket. */
  readonly prepare?: ((db: Database, worker: Worker) => Promise<void>) | undefined;
  /** @param worker the one that it is asked of, with the machine and the clock that it has. */
  readonly run: (db: Database, worker: Worker) => Promise<unknown>;
  /** Default 2 s. 0: given up after one failure. */
  readonly commitTimeoutMs?: number;
  /** Of the database; default 24 h. */
  readonly graceMs?: number;
  /** What its `gc()` leaves. */
  readonly retention?: Retention;
  /** How often its effect is in the state once it has happened. */
  readonly effects: 0 | 1;
  /** What the rival does besides leaving its name. */
  readonly rival?: (tx: Transaction) => void;
  /** What its state must be; default: nothing but its name among the others. */
  readonly look?: (db: Database, names: readonly string[]) => Promise<Looked>;
}

/** What of an operation is found when all is over. */
export interface Looked {
  /** How often its effect is there; not given: as often as its name. */
  readonly there?: number;
  readonly problems: readonly string[];
}

/** Counts itself, and leaves its name. */
export async function leaveTrace(tx: Transaction, name: string): Promise<number> {
  const [n = 0, names = []] = (await tx.getMany([['n'], ['names']])) as [number?, string[]?];
  tx.set(['n'], n + 1);
  tx.set(['names'], [...names, name]);
  return n;
}

export const NAME = 'it';
export const RIVAL = 'rival';

export async function prepare(db: Database): Promise<void> {
  for (let i = 0; i < 3; i++) await db.transact((tx) => leaveTrace(tx, `before ${i}`));
}

export function commit(
  name: string,
  request: RequestId | undefined,
  more: Partial<Interrupted> = {},
): Interrupted {
  return {
    name,
    ...(request === undefined ? {} : { request }),
    prepare,
    run: (db) =>
      db.transact(
        (tx) => leaveTrace(tx, NAME),
        request === undefined ? {} : { requestId: request, input: 1 },
      ),
    effects: 1,
    ...more,
  };
}
