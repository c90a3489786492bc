/**
 * What a record says of intents: groups of transactions that one process announces and another carries (FORMAT.md,
 * "Intents"). For each writer the last of its intents that was decided; the next one is numbered one higher.
 *
 * Invariants:
 * - One table has one encoding: writers ascend.
 * - A decoded intent was decided in a record that exists.
 */
import { HASH_BYTES } from '../merkle/merkle.js';
import { type ByteReader, type ByteWriter, compareBytes } from '../object/bytes.js';

export const WRITER_ID_BYTES = 16;

/** What became of one transaction of an intent. `void`: its writer has taken it back. */
export type Verdict =
  | { readonly kind: 'committed' /** Its place in the record. */; readonly order: number }
  | { readonly kind: 'conflict' | 'already' | 'void' };

const KINDS = ['committed', 'conflict', 'already', 'void'] as const;

export interface DecidedIntent {
  /** 16 bytes. */
  readonly writerId: Uint8Array;
  /** Its number among the writer's intents, from 1. */
  readonly k: number;
  /** SHA-256 of the intent's object. */
  readonly hash: Uint8Array;
  /** The record that decided it. */
  readonly version: number;
  /** Of its transactions, in order. */
  readonly verdicts: readonly Verdict[];
}

export interface Intents {
  /** Below this base version an unknown writer's intents count nowhere. */
  readonly floor: number;
  /** Ascending by writer id. */
  readonly decided: readonly DecidedIntent[];
}

export const NO_INTENTS: Intents = Object.freeze({ floor: 0, decided: [] });

export function writeIntents(writer: ByteWriter, { floor, decided }: Intents): void {
  writer.varint(floor).varint(decided.length);
  for (const { writerId, k, hash, version, verdicts } of decided) {
    writer.raw(writerId).varint(k).raw(hash).varint(version).varint(verdicts.length);
    for (const verdict of verdicts) {
      writer.u8(KINDS.indexOf(verdict.kind));
      if (verdict.kind === 'committed') writer.varint(verdict.order);
    }
  }
}

/** @param version the record's. */
export function readIntents(reader: ByteReader, version: number): Intents {
  const floor = reader.varint();
  if (floor >= version) throw reader.corrupt(`expected an intent floor below ${version}, found ${floor}`);
  const decided: DecidedIntent[] = [];
  for (let left = reader.count(WRITER_ID_BYTES + HASH_BYTES + 3); left > 0; left--) {
    const writerId = reader.copy(WRITER_ID_BYTES);
    const before = decided.at(-1);
    if (before && compareBytes(before.writerId, writerId) >= 0)
      throw reader.corrupt('expected writers of intents in ascending order');
    const k = reader.varint();
    const hash = reader.copy(HASH_BYTES);
    const decidedIn = reader.varint();
    if (k < 1 || decidedIn < 1 || decidedIn > version)
      throw reader.corrupt(
        `expected an intent from 1, decided in a record from 1 to ${version}, found ${k}, in ${decidedIn}`,
      );
    const verdicts: Verdict[] = [];
    for (let more = reader.count(1); more > 0; more--) {
      const code = reader.u8();
      const kind = KINDS[code];
      if (kind === undefined) throw reader.corrupt(`expected a verdict from 0 to 3, found ${code}`);
      verdicts.push(kind === 'committed' ? { kind, order: reader.varint() } : { kind });
    }
    decided.push({ writerId, k, hash, version: decidedIn, verdicts });
  }
  return { floor, decided };
}
