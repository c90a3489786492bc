/**
 * Checks everything a database consists of: the chain of records, the history tree, the manifest, every segment.
 *
 * Invariants:
 * - It trusts nothing that was read before: every object is fetched again.
 * - A problem does not end it: the report names them all.
 */
import {
  type CompactRange,
  equalBytes,
  type LogRecord,
  leafHash,
  objectName,
  PAGE_PREFIX,
  recordName,
  SEGMENT_PREFIX,
  type SegmentEntry,
  standingPart,
  TILE_PREFIX,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import pLimit from 'p-limit';
import { type Context, callStore } from '../context/context.js';
import { loadManifest } from '../log/advance.js';
import { readCheckpointRecord } from '../log/checkpoint-record.js';
import type { Log } from '../log/log.js';
import { checkFollows } from '../log/succession.js';
import { listCheckpoints } from '../state/checkpoints.js';
import type { View } from '../state/view.js';
import { verifyStreams } from './verify-streams.js';
import { tileNames, verifyTiles } from './verify-tiles.js';

export interface VerifyProgress {
  readonly phase: 'log' | 'segments';
  readonly done: number;
  readonly total: number;
}

export interface VerifyOptions extends CallOptions {
  /** Also the segments of every retained version, not only of the newest. Default false. */
  readonly deep?: boolean | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** What was checked, and what was wrong. */
export interface VerifyReport {
  readonly ok: boolean;
  readonly version: number;
  readonly records: number;
  readonly segments: number;
  readonly entries: number;
  readonly blocks: number;
  /** Of the history tree. */
  readonly tiles: number;
  /** Bytes of all objects that were checked. */
  readonly bytes: number;
  /** Objects under the prefix that no retained version names: left by interrupted work, for GC. */
  readonly unreferenced: number;
  readonly problems: readonly string[];
}

const AT_ONCE = 8;

export async function verify(
  context: Context,
  log: Log,
  view: View,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { signal, meter, deep = false, onProgress } = options;
  const calls = { signal, meter };
  const problems: string[] = [];
  const note = (error: unknown): void => {
    signal?.throwIfAborted();
    const problem = error instanceof Error ? error.message : String(error);
    // What is damaged may be met twice.
    if (!problems.includes(problem)) problems.push(problem);
  };
  const segments = new Map<string, SegmentEntry>();
  const pages = new Set<string>();
  const tiledSizes = new Set<number>([view.tiledThrough]);
  const total = view.version - view.floor + 1;
  let bytes = 0;
  let records = 0;

  const limit = pLimit(AT_ONCE);
  let previous: LogRecord | undefined;
  let history: CompactRange | undefined;
  let tiledTree = standingPart(view.history, view.tiledThrough);
  const { sha256 } = context.sealing.provider;
  for (let first = view.floor; first <= view.version; first += AT_ONCE * 4) {
    const last = Math.min(first + AT_ONCE * 4 - 1, view.version);
    const batch = await Promise.all(
      Array.from({ length: last - first + 1 }, (_, i) => limit(() => log.read(first + i, calls).catch(note))),
    );
    for (const [i, record] of batch.entries()) {
      const version = first + i;
      if (!record) {
        problems.push(`${recordName(version)} is missing, or could not be read.`);
        previous = history = undefined;
        continue;
      }
      records++;
      tiledSizes.add(record.tiledThrough);
      if (version === view.tiledThrough + 1) tiledTree ??= record.history;
      bytes += record.bytes;
      if (previous && !equalBytes(record.parent, previous.hash))
        problems.push(`${recordName(version)} names another parent than the record before it.`);
      if (history && !sameRange(history, record.history))
        problems.push(`${recordName(version)} has another history tree than the records before it.`);
      try {
        if (previous) {
          const { timeMs, intents } = previous.body;
          checkFollows({ ...previous, timeMs, intents }, record);
        }
      } catch (error) {
        note(error);
      }
      history = record.history.append(sha256, leafHash(sha256, record.hash));
      const hasOther = !previous || !equalBytes(previous.manifestRoot, record.manifestRoot);
      if (version === view.version || (deep && hasOther))
        await loadManifest(context, record, calls).then((manifest) => {
          for (const name of manifest.pageNames()) pages.add(name);
          for (const entry of manifest.entries) {
            const name = objectName(SEGMENT_PREFIX, entry.id);
            const known = segments.get(name);
            // One of the two is checked against the object below; the other is then of another object.
            if (known && !isSameSegment(known, entry))
              problems.push(`${recordName(version)} says another thing of ${name} than a record before it.`);
            segments.set(name, entry);
          }
        }, note);
      previous = record;
    }
    onProgress?.({ phase: 'log', done: last - view.floor + 1, total });
  }
  if (previous && !equalBytes(previous.hash, view.hash))
    problems.push(`${recordName(view.version)} is not the record that this process has followed.`);

  const kept = new Set<string>();
  for (const checkpoint of await listCheckpoints(view, signal).catch(noted(note)))
    if (checkpoint.version < view.floor)
      await readCheckpointRecord(log, checkpoint, calls)
        .then((record) => loadManifest(context, record, calls))
        .then((manifest) => {
          for (const name of manifest.pageNames()) kept.add(name);
          for (const entry of manifest.entries) {
            const name = objectName(SEGMENT_PREFIX, entry.id);
            kept.add(name);
            if (deep) segments.set(name, entry);
          }
        }, note);

  const tiled = await verifyTree(context, view, tiledTree, calls, note);
  bytes += tiled.bytes;

  let entries = 0;
  let blocks = 0;
  let hasStreams = false;
  view.tail.all.forEachPair((_, { stream }) => {
    hasStreams ||= stream ?? false;
  });
  let done = 0;
  await Promise.all(
    [...segments.values()].map((segment) =>
      limit(async () => {
        await view
          .reader(segment)
          .verify(calls)
          .then((checked) => {
            entries += checked.entries;
            blocks += checked.chunks;
            hasStreams ||= checked.streams > 0;
            bytes += segment.bytes;
          }, note);
        onProgress?.({ phase: 'segments', done: ++done, total: segments.size });
      }),
    ),
  );

  // A walk over everything, for those who have any.
  if (hasStreams) await verifyStreams(view, calls, note).catch(note);

  const unreferenced = await countUnreferenced(
    context,
    new Set([...segments.keys(), ...pages, ...kept, ...tileNames(tiledSizes)]),
    calls,
  );
  return {
    ok: problems.length === 0,
    version: view.version,
    records,
    segments: segments.size,
    entries,
    blocks,
    tiles: tiled.tiles,
    bytes,
    unreferenced,
    problems,
  };
}

/** Notes it, and goes on with none. */
function noted(note: (error: unknown) => void): (error: unknown) => [] {
  return (error) => {
    note(error);
    return [];
  };
}

/** @param tree of the tiled size, where a record has it. */
async function verifyTree(
  context: Context,
  view: View,
  tree: CompactRange | undefined,
  calls: CallOptions,
  note: (error: unknown) => void,
): Promise<{ tiles: number; bytes: number }> {
  if (tree) return verifyTiles(context, tree, calls, note);
  note(
    `The tiles can't be checked: ${recordName(view.tiledThrough + 1)}, which has the history tree that they lead to, could not be read.`,
  );
  return { tiles: 0, bytes: 0 };
}

/** Wherever they were placed: a segment may change its level and run without being written anew. */
function isSameSegment(a: SegmentEntry, b: SegmentEntry): boolean {
  const fields = (Object.keys(a) as (keyof SegmentEntry)[]).filter((f) => f !== 'level' && f !== 'run');
  return fields.every((field) => {
    const [one, other] = [a[field], b[field]];
    return one instanceof Uint8Array ? equalBytes(one, other as Uint8Array) : one === other;
  });
}

function sameRange(a: CompactRange, b: CompactRange): boolean {
  return a.size === b.size && a.hashes.every((hash, i) => equalBytes(hash, b.hashes[i]!));
}

async function countUnreferenced(
  context: Context,
  named: ReadonlySet<string>,
  calls: CallOptions,
): Promise<number> {
  let count = 0;
  for (const prefix of [SEGMENT_PREFIX, PAGE_PREFIX, TILE_PREFIX])
    await callStore(`listing ${prefix}`, async () => {
      for await (const { key } of context.store.list(prefix, calls)) if (!named.has(key)) count++;
    });
  return count;
}
