/**
 * Counters, in the two ways there are.
 *
 * - `incBy` reads and writes, so it can say what the counter came to. Two at once conflict, and one runs again.
 * - `count` only adds: it says nothing, never conflicts, and any number of them fit into one record.
 */
import type { Transaction } from 'holdfast';
import { type Contract, checkText, checkWhole, type Reader } from '../contract.js';

const counterKey = (name: string): [string, string] => ['counter', name];

/** @returns what the counter came to. */
export async function incBy(tx: Transaction, { name, by }: { name: string; by: number }): Promise<number> {
  checkText('name', name);
  checkWhole('by', by, 1);
  const total = ((await tx.get<number>(counterKey(name))) ?? 0) + by;
  tx.set(counterKey(name), total);
  return total;
}

export function count(tx: Transaction, { name, by }: { name: string; by: number }): void {
  checkText('name', name);
  checkWhole('by', by, 1);
  tx.add(counterKey(name), by);
}

export async function value(tx: Reader, { name }: { name: string }): Promise<number> {
  checkText('name', name);
  return (await tx.get<number>(counterKey(name))) ?? 0;
}

export const counter: Contract = { queries: { value }, commands: { incBy, count } };
