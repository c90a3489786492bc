/** What a database holds when everything has settled. */
import type { KeyTuple } from '@holdfast/core';
import { type Database, StreamValue } from '@holdfast/mvcc';

/** Everything in the database, by the first element of the key, with its place in the log; streams as their bytes. */
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
    const shown = value instanceof StreamValue ? await bytesOf(db, key) : value;
    state.get(area)!.push({ key, value: shown, version, order });
  }
  return state;
}

async function bytesOf(db: Database, key: KeyTuple): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await db.getStream(key)) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}
