/**
 * Chat rooms: messages in one order, numbered 1, 2, 3, … without a gap.
 *
 * No counter is kept beside the messages. `say` looks for the last one, and that look is a range read: it covers
 * the place where the next message goes, so two that are said at once conflict, and one of them runs again.
 */
import type { Transaction } from 'holdfast';
import { type Contract, checkText, checkWhole, type Reader } from '../contract.js';

export interface Message {
  readonly author: string;
  readonly text: string;
}

export interface NumberedMessage extends Message {
  readonly number: number;
}

const roomKey = (room: string): [string, string] => ['chat', room];

/** @returns the number that the message got. */
export async function say(
  tx: Transaction,
  { room, text }: { room: string; text: string },
  caller: string,
): Promise<number> {
  checkText('room', room);
  checkText('text', text);
  const [last] = await latest(tx, { room, limit: 1 });
  const number = (last?.number ?? 0) + 1;
  tx.set([...roomKey(room), number], { author: caller, text } satisfies Message);
  return number;
}

/** The newest messages, in order. */
export async function latest(
  tx: Reader,
  { room, limit }: { room: string; limit: number },
): Promise<NumberedMessage[]> {
  checkText('room', room);
  checkWhole('limit', limit, 1, 100);
  const messages: NumberedMessage[] = [];
  for await (const { key, value } of tx.list<Message>({ prefix: roomKey(room) }, { reverse: true, limit }))
    messages.push({ number: Number(key.at(-1)), ...value });
  return messages.reverse();
}

export const chat: Contract = { queries: { latest }, commands: { say } };
