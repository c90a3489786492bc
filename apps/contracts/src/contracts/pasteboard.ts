/**
 * A pasteboard for each user. What is on it comes out for its owner and for nobody else.
 *
 * The rule is one line, and it is enough, because the contract is the only way to the state: in the bucket there
 * are sealed objects, and the key to them is the host's.
 */
import type { Transaction } from 'holdfast';
import { type Contract, checkText, type Reader } from '../contract.js';

export type Reading =
  /** `text` is missing when nothing of that name is there. */
  { readonly allowed: true; readonly text?: string } | { readonly allowed: false };

const pasteKey = (owner: string, name: string): string[] => ['pasteboard', owner, name];

/** Puts a text on the caller's own board. */
export function put(tx: Transaction, { name, text }: { name: string; text: string }, caller: string): void {
  checkText('name', name);
  checkText('text', text);
  tx.set(pasteKey(caller, name), text);
}

export async function read(
  tx: Reader,
  { owner, name }: { owner: string; name: string },
  caller: string,
): Promise<Reading> {
  checkText('owner', owner);
  checkText('name', name);
  // Asked before anything is read: a refusal must not depend on what is there.
  if (owner !== caller) return { allowed: false };
  const text = await tx.get<string>(pasteKey(owner, name));
  return { allowed: true, ...(text !== undefined && { text }) };
}

/** The names on the caller's own board. */
export async function names(tx: Reader, _args: unknown, caller: string): Promise<string[]> {
  const found: string[] = [];
  for await (const key of tx.keys({ prefix: ['pasteboard', caller] })) found.push(String(key.at(-1)));
  return found;
}

export const pasteboard: Contract = { queries: { read, names }, commands: { put } };
