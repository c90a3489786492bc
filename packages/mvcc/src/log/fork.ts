/** What is said, and kept as evidence, when the store shows two histories, or none where there was one. */
import { type CompactRange, encodeValue, HoldfastError, recordName, toHex } from '@holdfast/core';
import type { Context } from '../context/context.js';

/** A place in a history: the state that a process holds, or a record that it was shown. */
export interface Place {
  readonly version: number;
  /** Of its record, 32 bytes. */
  readonly hash: Uint8Array;
  /** Of a record: over the records before it. Of a state: over its own too. */
  readonly history: CompactRange;
  readonly parent?: Uint8Array | undefined;
}

/**
 * The store shows a record that is no continuation of what this process has seen.
 * @param detail what does not fit.
 */
export function fork(context: Context, known: Place, found: Place, detail: string): HoldfastError {
  return new HoldfastError(
    'FORK',
    `${recordName(found.version)} does not belong to the history that this process has seen up to version ${known.version} (record hash ${toHex(known.hash)}): ${detail}. The store shows two histories; stop using it and compare replicas.`,
    { evidence: evidence(context, 'fork', known, found) },
  );
}

/** The store no longer has what this process has seen. */
export function rollback(context: Context, known: Place, detail: string): HoldfastError {
  return new HoldfastError(
    'ROLLBACK',
    `${recordName(known.version)}, the newest record that this process has seen (hash ${toHex(known.hash)}), is not what the store shows any more: ${detail}. The store shows an older state or has lost the newer one; stop using it and compare replicas.`,
    { evidence: evidence(context, 'rollback', known, undefined) },
  );
}

/**
 * The two places as a value of `encodeValue`. Nothing in it is secret. It names the records to compare in replicas
 * of the bucket; who holds the root key can authenticate them there. Nobody has signed it: that takes receipts.
 */
function evidence(
  context: Context,
  kind: 'fork' | 'rollback',
  known: Place,
  found: Place | undefined,
): Uint8Array {
  const { databaseId } = context.sealing;
  return encodeValue({ holdfast: kind, databaseId, known: placeOf(known), found: found && placeOf(found) });
}

function placeOf({ version, hash, parent, history }: Place): Record<string, unknown> {
  return { version, hash, parent, tree: { size: history.size, hashes: [...history.hashes] } };
}

/** Whether this says that the store shows two histories, or no longer the one there was: an end, not a failure. */
export function isBreak(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && (error.code === 'FORK' || error.code === 'ROLLBACK');
}
