/**
 * What a record says of intents, after what those before it said (FORMAT.md, "Intents").
 *
 * Invariants:
 * - An entry is the parent's, unchanged, or its writer's next intent, decided in this record: no intent counts twice.
 * - A writer is left out only with the intent floor at or above the version that decided its last intent.
 */
import {
  compareBytes,
  corrupt,
  type DecidedIntent,
  equalBytes,
  type HoldfastError,
  type Intents,
  NO_INTENTS,
  recordName,
  toHex,
} from '@holdfast/core';

/** As far as a record says something of intents. */
export interface Deciding {
  readonly version: number;
  readonly body: { readonly intents?: Intents; readonly transactions: readonly unknown[] };
}

/**
 * @param before the state before the record: its parent's, or with `isParent` false any one before it.
 * @throws HoldfastError CORRUPT.
 */
export function checkIntentsFollow(
  before: { readonly version: number; readonly intents: Intents },
  { version, body }: Deciding,
  isParent: boolean,
): void {
  const { intents = NO_INTENTS } = body;
  if (intents === before.intents) return;
  const { floor } = intents;
  const wrong = (what: string): HoldfastError =>
    corrupt(recordName(version), `${what}, as of version ${before.version}`);
  if (floor < before.intents.floor)
    throw wrong(`expected an intent floor of ${before.intents.floor} or more, found ${floor}`);
  for (const [known, found] of sideBySide(before.intents.decided, intents.decided)) {
    if (!found) {
      if (known!.version > floor)
        throw wrong(
          `expected intent ${known!.k} of writer ${toHex(known!.writerId)} or one after it, or a floor of ${known!.version}, found neither`,
        );
      continue;
    }
    if (known && isSame(known, found)) continue;
    const [least, ofVersion] = [(known?.k ?? 0) + 1, isParent ? version : before.version + 1];
    if (isParent ? found.k !== least : found.k < least)
      throw wrong(`expected intent ${least} of writer ${toHex(found.writerId)} next, found ${found.k}`);
    if (found.version < ofVersion)
      throw wrong(
        `expected intent ${found.k} of writer ${toHex(found.writerId)} to be decided in ${ofVersion}, found ${found.version}`,
      );
    if (found.version === version) checkOrders(found, body.transactions.length, wrong);
  }
}

function checkOrders(
  { verdicts, k }: DecidedIntent,
  count: number,
  wrong: (what: string) => HoldfastError,
): void {
  for (const verdict of verdicts)
    if (verdict.kind === 'committed' && verdict.order >= count)
      throw wrong(`expected a transaction below ${count} of intent ${k}, found ${verdict.order}`);
}

/** Of each writer that either knows, what each says. Both ascend. */
function* sideBySide(
  known: readonly DecidedIntent[],
  found: readonly DecidedIntent[],
): Generator<readonly [known: DecidedIntent | undefined, found: DecidedIntent | undefined]> {
  for (let i = 0, k = 0; i < known.length || k < found.length; ) {
    const [a, b] = [known[i], found[k]];
    const order = !a ? 1 : !b ? -1 : compareBytes(a.writerId, b.writerId);
    if (order <= 0) i++;
    if (order >= 0) k++;
    yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined];
  }
}

function isSame(a: DecidedIntent, b: DecidedIntent): boolean {
  return (
    a === b ||
    (a.k === b.k &&
      a.version === b.version &&
      equalBytes(a.hash, b.hash) &&
      a.verdicts.length === b.verdicts.length &&
      a.verdicts.every((verdict, i) => {
        const other = b.verdicts[i]!;
        return (
          verdict.kind === other.kind &&
          (verdict.kind !== 'committed' || (other.kind === 'committed' && verdict.order === other.order))
        );
      }))
  );
}
