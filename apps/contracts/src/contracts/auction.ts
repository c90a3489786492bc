/**
 * An auction: a bid counts if it is higher than the highest so far, and the highest wins.
 *
 * A bid is checked against the highest in the transaction that becomes the highest, so however many are made at
 * once, in however many processes, each one that counts has really beaten the one before it.
 */
import type { Transaction } from 'holdfast';
import { type Contract, checkText, checkWhole, type Reader } from '../contract.js';

export interface Bid {
  readonly bidder: string;
  readonly amount: number;
}

/** The highest bid, and which one of those that counted it was: 1, 2, 3, … */
export interface Standing extends Bid {
  readonly number: number;
}

export type BidResult =
  | { readonly accepted: true; readonly number: number }
  /** Too low, and `highest` is what it had to beat. */
  | { readonly accepted: false; readonly highest: number };

const standingKey = (lot: string): string[] => ['auction', 'standing', lot];
const bidKey = (lot: string, number: number): (string | number)[] => ['auction', 'bids', lot, number];

export async function bid(
  tx: Transaction,
  { lot, amount }: { lot: string; amount: number },
  caller: string,
): Promise<BidResult> {
  checkText('lot', lot);
  checkWhole('amount', amount, 1);
  const standing = await highest(tx, { lot });
  if (standing && amount <= standing.amount) return { accepted: false, highest: standing.amount };
  const number = (standing?.number ?? 0) + 1;
  tx.set(standingKey(lot), { bidder: caller, amount, number } satisfies Standing);
  tx.set(bidKey(lot, number), { bidder: caller, amount } satisfies Bid);
  return { accepted: true, number };
}

export async function highest(tx: Reader, { lot }: { lot: string }): Promise<Standing | undefined> {
  checkText('lot', lot);
  return tx.get<Standing>(standingKey(lot));
}

export const auction: Contract = { queries: { highest }, commands: { bid } };
