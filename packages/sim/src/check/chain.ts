/**
 * The log as a stranger without keys sees it: FORMAT.md, "Record". Nothing of the engine's own reading of the log
 * is used but the decoding of one record's clear part; the tree is computed anew.
 *
 * What must hold: from the tip's floor to the tip every number has its record, each names its parent, all are of
 * one database, and each record's history is the tree over all the records before it.
 */
import { createHash } from 'node:crypto';
import { decodeRecordHeader, LOG_PREFIX, parseRecordName, type RecordHeader } from '@holdfast/core';

export interface ChainProblem {
  readonly kind: /** An object under `log/` that is no record's name. */
    | 'name'
    /** It can't be decoded, or its hash is not that of its bytes. */
    | 'corrupt'
    /** A number between the floor and the tip without a record. */
    | 'gap'
    /** Not the hash of the record before it. */
    | 'parent'
    | 'database'
    /** Its history is not the tree over the records before it. */
    | 'history'
    /** Floor or flushed-through went back. */
    | 'backwards';
  readonly object: string;
  readonly message: string;
}

export interface ChainReport {
  readonly problems: readonly ChainProblem[];
  /** 0: there is no record. */
  readonly tip: number;
  readonly floor: number;
  readonly records: number;
}

/** @param objects all that is in the bucket, by name (without the database's own prefix). */
export function checkChain(objects: ReadonlyMap<string, Uint8Array>): ChainReport {
  const problems: ChainProblem[] = [];
  const report = (kind: ChainProblem['kind'], object: string, what: string): void => {
    problems.push({ kind, object, message: `${object}: ${what}.` });
  };
  const found: { name: string; version: number; bytes: Uint8Array }[] = [];
  for (const [name, bytes] of objects) {
    if (!name.startsWith(LOG_PREFIX)) continue;
    const version = parseRecordName(name);
    if (version === undefined) report('name', name, 'is not the name of a record');
    else found.push({ name, version, bytes });
  }
  found.sort((a, b) => a.version - b.version);
  const records: { name: string; header: RecordHeader }[] = [];
  for (const { name, version, bytes } of found) {
    try {
      records.push({ name, header: decodeRecordHeader(sha256, bytes, version) });
    } catch (error) {
      report('corrupt', name, (error as Error).message);
    }
  }
  const tip = found.at(-1)?.version ?? 0;
  const floor = records.at(-1)?.header.floor ?? 0;
  checkNumbers(found, floor, tip, report);
  checkLinks(records, report);
  checkTree(records, report);
  return { problems, tip, floor, records: found.length };
}

type Report = (kind: ChainProblem['kind'], object: string, what: string) => void;

function checkNumbers(
  found: readonly { name: string; version: number }[],
  floor: number,
  tip: number,
  report: Report,
): void {
  // What lies below the floor may be deleted already, in any order.
  let expected = Math.max(floor, 1);
  for (const { name, version } of found) {
    if (version < expected) continue;
    if (version > expected)
      report(
        'gap',
        name,
        `is the record after ${expected - 1}: ${version - expected} are missing, with the tip at ${tip}`,
      );
    expected = version + 1;
  }
}

function checkLinks(records: readonly { name: string; header: RecordHeader }[], report: Report): void {
  const first = records[0];
  for (const [i, { name, header }] of records.entries()) {
    if (hex(header.envelope.databaseId) !== hex(first!.header.envelope.databaseId))
      report('database', name, `is of another database than ${first!.name}`);
    if (header.version === 1 && header.parent.some((byte) => byte !== 0))
      report('parent', name, 'is the first record, and names a parent');
    const before = records[i - 1];
    if (!before) continue;
    if (before.header.version === header.version - 1 && hex(header.parent) !== hex(before.header.hash))
      report(
        'parent',
        name,
        `names ${hex(header.parent)} as its parent; ${before.name} is ${hex(before.header.hash)}`,
      );
    if (header.floor < before.header.floor)
      report('backwards', name, `has floor ${header.floor}, after ${before.header.floor}`);
    if (header.flushedThrough < before.header.flushedThrough)
      report(
        'backwards',
        name,
        `is flushed through ${header.flushedThrough}, after ${before.header.flushedThrough}`,
      );
  }
}

/** A complete subtree of the tree over all records. */
interface Subtree {
  readonly leaves: number;
  readonly hash: Uint8Array;
}

function checkTree(records: readonly { name: string; header: RecordHeader }[], report: Report): void {
  let tree: Subtree[] | undefined;
  let next = 0;
  for (const { name, header } of records) {
    // Of what was deleted only the oldest record that is left can tell.
    if (!tree || header.version !== next) tree = subtreesOf(header);
    const [stated, computed] = [subtreesOf(header), tree].map((subtrees) =>
      subtrees.map(({ leaves, hash }) => `${leaves} ${hex(hash)}`).join(', '),
    );
    if (stated !== computed)
      report('history', name, `states the history ${stated}; the records before it make ${computed}`);
    tree = grow(tree, header.hash);
    next = header.version + 1;
  }
}

/** The sizes follow from the number of leaves: its powers of two, largest first. */
function subtreesOf({ version, history }: RecordHeader): Subtree[] {
  const subtrees: Subtree[] = [];
  let left = version - 1;
  for (const hash of history.hashes) {
    const leaves = 2 ** Math.floor(Math.log2(left));
    subtrees.push({ leaves, hash });
    left -= leaves;
  }
  return subtrees;
}

/** RFC 6962 section 2.1: a leaf is SHA-256(0 || data), a node SHA-256(1 || left || right). */
function grow(tree: readonly Subtree[], recordHash: Uint8Array): Subtree[] {
  const grown = [...tree, { leaves: 1, hash: sha256(Uint8Array.of(0), recordHash) }];
  for (;;) {
    const [left, right] = grown.slice(-2);
    if (!left || !right || left.leaves !== right.leaves) return grown;
    grown.splice(-2, 2, { leaves: 2 * left.leaves, hash: sha256(Uint8Array.of(1), left.hash, right.hash) });
  }
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
