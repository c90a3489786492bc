/**
 * The host's side: takes a request, finds the contract's function, and runs it in a transaction.
 *
 * Invariants:
 * - A command takes effect once per request id, however often it is sent and by however many hosts.
 * - The caller is part of what a request id stands for, so nobody gets another's answer by its id.
 */
import type { Database } from 'holdfast';
import type { Command, Contract, Query } from './contract.js';
import { auction } from './contracts/auction.js';
import { chat } from './contracts/chat.js';
import { counter } from './contracts/counter.js';
import { gazetteer } from './contracts/gazetteer.js';
import { pasteboard } from './contracts/pasteboard.js';

export const contracts: Readonly<Record<string, Contract>> = {
  counter,
  chat,
  pasteboard,
  auction,
  gazetteer,
};

/** What is asked of a contract. */
export interface Call {
  readonly contract: string;
  readonly method: string;
  readonly args: object;
}

export interface Request extends Call {
  readonly caller: string;
  /** Chosen by who asks, and the same when they ask again. */
  readonly requestId: string;
}

/** Whether a call may write: a command, which is a commit. */
export function isCommand({ contract, method }: Call): boolean {
  return Object.hasOwn(contracts[contract]?.commands ?? {}, method);
}

/** @throws TypeError or RangeError for a request that can't be meant: it had no effect, and never has. */
export async function dispatch(
  db: Database,
  { contract: name, method, args, caller, requestId }: Request,
  options: { readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  const contract = Object.hasOwn(contracts, name) ? contracts[name] : undefined;
  if (contract === undefined)
    throw new TypeError(
      `No such contract: expected one of ${Object.keys(contracts).join(', ')}, found ${name}.`,
    );
  const { queries, commands } = contract;
  if (Object.hasOwn(queries, method)) {
    const query = queries[method] as Query<object, unknown>;
    return db.transact((tx) => query(tx, args, caller), options);
  }
  if (Object.hasOwn(commands, method)) {
    const command = commands[method] as Command<object, unknown>;
    const input = [name, method, caller, args];
    return db.transact((tx) => command(tx, args, caller), { requestId, input, ...options });
  }
  throw new TypeError(
    `No such method: expected one of ${[...Object.keys(queries), ...Object.keys(commands)].join(', ')}, found ${name}.${method}.`,
  );
}
