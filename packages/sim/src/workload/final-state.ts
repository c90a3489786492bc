/** What a database holds when everything has settled. */
import type { Database } from '@holdfast/mvcc';

/** Everything in the database, by the first element of the key, with its place in the log. */
export type FinalState = ReadonlyMap<string, readonly FinalEntry[]>;

export interface FinalEntry {
  readonly key: readonly unknown[];
  readonly value: unknown;
  readonly version: number;
  readonly order: number;
}

/** The last six digits of a versionstamp. */
const ORDER_DIGITS = 6;

export async function readAll(db: Database): Promise<FinalState> {
  const state = new Map<string, FinalEntry[]>();
  for await (const { key, value, version, versionstamp } of db.list()) {
    const area = String(key[0]);
    if (!state.has(area)) state.set(area, []);
    const order = Number.parseInt(versionstamp.slice(-ORDER_DIGITS), 16);
    state.get(area)!.push({ key, value, version, order });
  }
  return state;
}
