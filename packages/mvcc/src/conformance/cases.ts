/** What the cases share: what each is given, and what it says of slots. */
import { expectEqual } from '@holdfast/object-store/conformance';
import type { Slots } from '../context/slots.js';

/** What a case is given. */
export interface CaseContext {
  readonly slots: Slots;
  readonly peer: Slots;
  readonly plant: ((name: string) => Promise<void>) | undefined;
  readonly racers: number;
  readonly rounds: number;
  readonly length: number;
}

export type Cases = Readonly<Record<string, (context: CaseContext) => Promise<void>>>;

/** Expects slot `n` to hold `bytes`, whoever looks. */
export async function expectSlot(
  { slots, peer }: CaseContext,
  n: number,
  bytes: Uint8Array | undefined,
): Promise<void> {
  expectEqual(`slot ${n}`, await slots.read(n), bytes);
  expectEqual(`slot ${n}, as another process reads it`, await peer.read(n), bytes);
}

/** Expects slot `n` to be the newest, whoever looks. */
export async function expectNewest({ slots, peer }: CaseContext, n: number | undefined): Promise<void> {
  expectEqual('the newest slot', await slots.newest(), n);
  expectEqual('the newest slot, as another process sees it', await peer.newest(), n);
}

/** Lets others have their turn: who is answered from memory would else keep everyone from it. */
export function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Bytes that look like chance, the same for each seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}
