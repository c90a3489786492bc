/**
 * Shows that one history continues another, from as few records as can show it.
 *
 * A tree of s records stands whole in each tree smaller than s + lowbit(s) (RFC 6962 section 2.1: complete subtrees
 * never change). So it is found in the header of record s + lowbit(s), which together with that record makes the tree
 * of size s + lowbit(s), and so on up to the newer one: at most log2 n headers, all known beforehand, in one round.
 * They need no key: each is pinned by the hash of the next, and the last by the newer record, which is authenticated.
 *
 * Invariants:
 * - A history is called continued only if every step of this way is shown; nothing is laid over what is known before.
 * - A record that contradicts is authenticated before it is called another history: a damaged one is only damaged.
 * - Below the newer record's floor a slot proves nothing (it may have been collected, and taken again by a late PUT):
 *   the answer then is that nothing is shown, and the caller takes nothing of the known state over.
 */
import {
  type CompactRange,
  continuationSizes,
  leafHash,
  type RecordHeader,
  sharedSubtreesAgree,
  standsIn,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { fork, type Place } from './fork.js';
import { type Log, missingRecord } from './log.js';

/** What a newer record or state says of the past. */
export interface Newer extends Place {
  readonly floor: number;
}

/** Headers that were shown to be of this process's history, by version. */
export type Shown = Map<number, RecordHeader>;

const SHOWN_MAX = 512;

/**
 * Whether the history of `newer` begins with that of `known`; false: nothing shows it any more (see above).
 * @param known a state; its history counts its own record.
 * @param newer an authenticated record, or a state made from one.
 * @param shown of the history of `newer`: spares what it has, and is added to.
 * @throws HoldfastError FORK where it does not; CORRUPT, UNAVAILABLE where a record on the way can't be read.
 */
export async function continues(
  context: Context,
  log: Log,
  known: Place,
  newer: Newer,
  options: CallOptions = {},
  shown: Shown = new Map(),
): Promise<boolean> {
  if (!sharedSubtreesAgree(known.history, newer.history))
    throw fork(context, known, newer, 'its history is another one');
  const versions = continuationSizes(known.history.size, newer.history.size);
  if (versions.some((version) => version < newer.floor)) return false;
  const kept = versions.findIndex((version) => shown.has(version));
  const end = kept < 0 ? newer : shown.get(versions[kept]!)!;
  const headers = await Promise.all(
    versions.slice(0, kept < 0 ? undefined : kept).map(async (version) => {
      const header = await log.readHeader(version, options);
      if (header === undefined) throw missingRecord(version, `The history of record ${newer.version}`);
      return header;
    }),
  );
  const odd = oddOneOut(context, known.history, headers, end);
  if (odd !== undefined) {
    // Whoever can write a bucket can make a header whose hash is right.
    for (const header of headers) await log.open(header, options);
    throw fork(context, known, odd, 'its history is another one');
  }
  for (const header of headers) {
    shown.set(header.version, header);
    if (shown.size > SHOWN_MAX) shown.delete(shown.keys().next().value!);
  }
  return true;
}

/** The state after a record, as far as its history goes. */
export function placeAfter(context: Context, record: RecordHeader): Place {
  const { sha256 } = context.sealing.provider;
  const { version, hash, parent } = record;
  return { version, hash, parent, history: record.history.append(sha256, leafHash(sha256, hash)) };
}

/** The first place whose tree does not hold the one before it. */
function oddOneOut(
  context: Context,
  known: CompactRange,
  headers: readonly RecordHeader[],
  end: Place,
): Place | undefined {
  let tree = known;
  for (const header of headers) {
    if (!standsIn(tree, header.history)) return header;
    tree = placeAfter(context, header).history;
  }
  return standsIn(tree, end.history) ? undefined : end;
}
