/**
 * Shows that one history continues another, from as few records as can show it.
 *
 * A tree of s records stands whole in each tree smaller than s + lowbit(s) (RFC 6962 section 2.1: complete subtrees
 * never change). So it is found in the header of record s + lowbit(s), which together with that record makes the tree
 * of size s + lowbit(s), and so on up to the newer one: at most log2 n headers, all known beforehand, in one round.
 * They need no key: each is pinned by the hash of the next, and the last by the newer record, which is authenticated.
 *
 * Where the history is tiled up to a size T between the two, fewer objects show the same: the subtrees of T's tree
 * stand in the newer record, or in the header of record T + lowbit(T), and up to eight tiles lead from them down to
 * the older tree (core's merkle/tiles.ts). They are there when the records below the floor are not any more.
 *
 * Invariants:
 * - A history is called continued only if every step of this way is shown; nothing is laid over what is known before.
 * - A record that contradicts is authenticated before it is called another history: a damaged one is only damaged.
 * - A tile can show that a history goes on, or, once it leads to the newer tree, that it does not. One that does not
 *   lead there is damaged: the headers are asked instead, and only where they may be gone is it an error.
 * - Records are collected only below the floor, and only where they are tiled: from the first that is not tiled on all
 *   are there, as far as a record says so that is newer than they. One that is missing is damage.
 */
import {
  beginningOf,
  type CompactRange,
  continuationSizes,
  HoldfastError,
  leafHash,
  type RecordHeader,
  sharedSubtreesAgree,
  standingPart,
  standsIn,
  type Tile,
  tilesBetween,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { fork, type Place } from './fork.js';
import { type Early, type Log, missingRecord } from './log.js';
import { readTiles } from './tiles.js';

/** What a newer record or state says of the past. */
export interface Newer extends Place {
  readonly floor: number;
  readonly tiledThrough: number;
}

/** Headers that were shown to be of this process's history, by version. */
export type Shown = Map<number, RecordHeader>;

const SHOWN_MAX = 512;

/**
 * Shows that the history of `newer` begins with that of `known`.
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
  options: CallOptions & { readonly early?: Early | undefined } = {},
  shown: Shown = new Map(),
): Promise<void> {
  if (!sharedSubtreesAgree(known.history, newer.history))
    throw fork(context, known, newer, 'its history is another one');
  const versions = continuationSizes(known.history.size, newer.history.size);
  const oldest = Math.min(newer.floor, newer.tiledThrough + 1);
  const mayBeGone = versions.some((version) => version < oldest);
  const kept = versions.findIndex((version) => shown.has(version));
  const asked = versions.slice(0, kept < 0 ? undefined : kept);
  const way: Way = { context, log, known, newer, options, shown };
  const tiles = tilesBetween(known.history.size, newer.tiledThrough);
  const beyond = continuationSizes(newer.tiledThrough, newer.history.size);
  if (tiles.length > 0 && (mayBeGone || (!options.early && tiles.length + beyond.length < asked.length))) {
    try {
      await walkTiles(way, tiles, beyond);
      return;
    } catch (error) {
      if (mayBeGone || !(error instanceof HoldfastError && error.code === 'CORRUPT')) throw error;
    }
  }
  await walkHeaders(way, known, asked, kept < 0 ? newer : shown.get(versions[kept]!)!);
}

/** What a look from an older place to a newer one takes. */
interface Way {
  readonly context: Context;
  readonly log: Log;
  readonly known: Place;
  readonly newer: Newer;
  readonly options: CallOptions & { readonly early?: Early | undefined };
  readonly shown: Shown;
}

/** Shows that the tree of `from` is the beginning of that of `end`, by the headers of these versions. */
async function walkHeaders(
  way: Way,
  from: Pick<Place, 'history'>,
  versions: readonly number[],
  end: Place,
): Promise<void> {
  await follow(way, from.history, await readHeaders(way, versions), end);
}

/** The same by tiles, and the headers of the versions that lie beyond what is tiled: all asked for at once. */
async function walkTiles(way: Way, tiles: readonly Tile[], beyond: readonly number[]): Promise<void> {
  const { context, known, newer, options } = way;
  const reading = readHeaders(way, beyond);
  // The tree of that size stands in the first header after it: nothing of it comes from the tiles.
  const trees = reading.then(([first]) => standingPart((first ?? newer).history, newer.tiledThrough)!);
  const asked = readTiles(context, tiles, trees, options);
  asked.catch(() => {});
  const headers = await reading;
  const tree = await trees;
  await follow(way, tree, headers, newer);
  const { sha256 } = context.sealing.provider;
  const beginning = beginningOf(sha256, known.history.size, tree, await asked);
  if (!standsIn(known.history, beginning)) throw fork(context, known, newer, 'its history is another one');
}

function readHeaders({ log, newer, options }: Way, versions: readonly number[]): Promise<RecordHeader[]> {
  return Promise.all(
    versions.map(async (version) => {
      const header = (await options.early?.get(version)) ?? (await log.readHeader(version, options));
      if (header === undefined) throw missingRecord(version, `The history of record ${newer.version}`);
      return header;
    }),
  );
}

/** @throws HoldfastError FORK where one of these records, or `end`, does not continue the tree. */
async function follow(
  { context, log, known, options, shown }: Way,
  tree: CompactRange,
  headers: readonly RecordHeader[],
  end: Place,
): Promise<void> {
  const odd = oddOneOut(context, tree, headers, end);
  if (odd !== undefined) {
    // Whoever can write a bucket can make a header whose hash is right.
    for (const header of headers) await log.open(header, options);
    throw fork(context, known, odd, 'its history is another one');
  }
  for (const header of headers) {
    shown.set(header.version, header);
    if (shown.size > SHOWN_MAX) shown.delete(shown.keys().next().value!);
  }
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
