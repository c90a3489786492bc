/**
 * Transactions as an intent says them, and back: what a process hands to whoever makes the next record.
 *
 * Invariant: what is laid on a state from an intent is what its own process would have laid on it: the same reads are
 * validated, the same mutations resolved, at the same time.
 */
import {
  type AnnouncedChange,
  type AnnouncedTransaction,
  decodeValue,
  encodeValue,
  type Intent,
  type SegmentDescriptor,
} from '@holdfast/core';
import { RangeTombstones, toFragment, toRangeDelete } from '../state/range-tombstones.js';
import { fromStoredKey, type StoredKey, toStoredKey } from '../state/space.js';
import { type Change, checkOperand, isBulkWrite } from './mutation.js';
import { baseOf } from './new-object.js';
import type { Proposal } from './proposal.js';
import { ReadSet } from './read-set.js';

export function toAnnounced(proposal: Proposal): AnnouncedTransaction {
  const { readVersion, nowMs, reads, deleted, bulk, streamRun } = proposal;
  const changes: AnnouncedChange[] = [];
  // Its plain writes are in its segments.
  for (const [stored, change] of proposal.changes)
    if (!bulk || !isBulkWrite(stored, change)) changes.push(toAnnouncedChange(stored, change));
  const staged = bulk
    ? { kind: 'bulk' as const, segments: bulk }
    : streamRun && { kind: 'stream' as const, segments: streamRun.segments };
  return {
    readVersion,
    nowMs,
    reads: reads.toKeysRead(),
    rangeDeletes: Array.from(deleted.all(), toRangeDelete),
    ...(staged ? { staged } : {}),
    changes,
  };
}

function toAnnouncedChange(stored: StoredKey, change: Change): AnnouncedChange {
  const key = fromStoredKey(stored);
  if ('value' in change) return { key, ...change };
  return {
    key,
    mutations: change.mutations.map(({ kind, operand }) => ({ kind, operand: encodeValue(operand) })),
  };
}

/**
 * @param intent that it is in.
 * @throws TypeError, HoldfastError for what no sound writer announces.
 */
export function fromAnnounced(
  transaction: AnnouncedTransaction,
  { base, losses }: Pick<Intent, 'base' | 'losses'>,
): Proposal {
  const { readVersion, nowMs, staged } = transaction;
  const changes = new Map<StoredKey, Change>();
  let bytes = 0;
  for (const change of transaction.changes) {
    changes.set(toStoredKey(change.key), fromAnnouncedChange(change));
    bytes += change.key.length + ('mutations' in change ? 16 : (change.value?.length ?? 0));
  }
  const ranges = transaction.rangeDeletes.map((range) => toFragment(range, { version: 0, order: 0 }));
  return {
    readVersion: Math.min(readVersion, base),
    reads: ReadSet.from(transaction.reads),
    changes,
    deleted: RangeTombstones.none.with(ranges),
    nowMs,
    bulk: staged?.kind === 'bulk' ? staged.segments : undefined,
    streamRun:
      staged?.kind === 'stream'
        ? { segments: staged.segments, baseVersion: oldestBase(staged.segments) }
        : undefined,
    bytes,
    losses,
    bodyMs: 0,
  };
}

function fromAnnouncedChange(change: AnnouncedChange): Change {
  if (!('mutations' in change)) {
    const { key: _, ...held } = change;
    return held;
  }
  return {
    mutations: change.mutations.map(({ kind, operand }) => ({
      kind,
      operand: checkOperand(kind, decodeValue(operand)),
    })),
  };
}

/** The version that was known when the first of these segments was sent. */
export function oldestBase(segments: readonly SegmentDescriptor[]): number {
  // Thousands, perhaps: too many for the arguments of one call.
  return segments.reduce((least, { id }) => Math.min(least, baseOf(id)), Number.POSITIVE_INFINITY);
}
