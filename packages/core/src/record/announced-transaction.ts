/**
 * A transaction as an intent announces it: all that another process needs to judge it and to carry it (FORMAT.md,
 * "Intents").
 *
 * Invariants:
 * - It says what it read, so that it can be judged on a state that its process has not seen.
 * - Mutations come unresolved: whoever carries them resolves them on the state that they are laid on. Their operands are
 *   as they were written: whoever resolves them checks that they are numbers.
 * - Keys, values and operands that are decoded are views of what they were read from.
 */
import { type ByteReader, type ByteWriter, compareBytes } from '../object/bytes.js';
import { type RangeDelete, readRange, writeRange } from '../segment/range-tombstone.js';
import type { SegmentDescriptor } from '../segment/segment-entry.js';
import { readRun, writeRun } from './announced-segments.js';
import { type KeysRead, readKeysRead, writeKeysRead } from './keys-read.js';
import { readWriteOf, type Write, writeWrite } from './write.js';

const FORM_MUTATIONS = 3;
const MUTATIONS = ['add', 'max', 'min'] as const;
const STAGED = ['bulk', 'stream'] as const;
/** The shortest transaction: its numbers and counts take a byte each, and its read set two. */
export const ANNOUNCED_TRANSACTION_BYTES_MIN = 7;

export interface AnnouncedMutation {
  readonly kind: (typeof MUTATIONS)[number];
  /** An encoded value. */
  readonly operand: Uint8Array;
}

/** What becomes of a key: what it holds then, or mutations of what it holds, one after the other. */
export type AnnouncedChange =
  | Write
  | { readonly key: Uint8Array; readonly mutations: readonly AnnouncedMutation[] };

export interface AnnouncedTransaction {
  /** The version that its reads saw: at most the intent's base. */
  readonly readVersion: number;
  /** Its own time, ms since 1970: what had expired by then is not there for its mutations. */
  readonly nowMs: number;
  readonly reads: KeysRead;
  /** Take effect before its changes. Ascending, neither overlapping nor touching. */
  readonly rangeDeletes: readonly RangeDelete[];
  /** Segments that are durable already: its large writes, or the parts of the stream that it writes. */
  readonly staged?: {
    readonly kind: (typeof STAGED)[number];
    readonly segments: readonly SegmentDescriptor[];
  };
  /** A key once. Decoded: ascending. */
  readonly changes: readonly AnnouncedChange[];
}

export function writeAnnounced(writer: ByteWriter, transaction: AnnouncedTransaction): void {
  const { readVersion, nowMs, reads, rangeDeletes, staged, changes } = transaction;
  writer.varint(readVersion).varint(nowMs);
  writeKeysRead(writer, reads);
  writer.varint(rangeDeletes.length);
  for (const range of rangeDeletes) writeRange(writer, range);
  // A stream of no bytes has no parts.
  const isStaged = staged !== undefined && staged.segments.length > 0;
  writer.u8(isStaged ? STAGED.indexOf(staged.kind) + 1 : 0);
  if (isStaged) writeRun(writer, staged.segments);
  writer.varint(changes.length);
  for (const change of [...changes].sort((a, b) => compareBytes(a.key, b.key))) writeChange(writer, change);
}

function writeChange(writer: ByteWriter, change: AnnouncedChange): void {
  if (!('mutations' in change)) {
    writeWrite(writer, change);
    return;
  }
  const { key, mutations } = change;
  writer.bytes(key).u8(FORM_MUTATIONS).varint(mutations.length);
  for (const { kind, operand } of mutations) writer.u8(MUTATIONS.indexOf(kind)).bytes(operand);
}

/** @param base the intent's. */
export function readAnnounced(reader: ByteReader, base: number): AnnouncedTransaction {
  const readVersion = reader.varint();
  if (readVersion > base)
    throw reader.corrupt(`expected a read version up to the base, ${base}, found ${readVersion}`);
  const nowMs = reader.varint();
  const reads = readKeysRead(reader);
  const rangeDeletes: RangeDelete[] = [];
  for (let left = reader.count(3); left > 0; left--)
    rangeDeletes.push(readRange(reader, rangeDeletes.at(-1), false));
  const code = reader.u8();
  if (code > STAGED.length) throw reader.corrupt(`expected staged segments of kind 0 to 2, found ${code}`);
  const kind = STAGED[code - 1];
  const staged = kind && { kind, segments: readRun(reader, kind) };
  const changes: AnnouncedChange[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const change = readChange(reader);
    const before = changes.at(-1);
    if (before && compareBytes(before.key, change.key) >= 0)
      throw reader.corrupt('expected changes in ascending order of their keys, of each key one');
    changes.push(change);
  }
  return { readVersion, nowMs, reads, rangeDeletes, ...(staged ? { staged } : {}), changes };
}

function readChange(reader: ByteReader): AnnouncedChange {
  const key = reader.bytes();
  const form = reader.u8();
  if (form !== FORM_MUTATIONS) return readWriteOf(reader, key, form);
  const mutations: AnnouncedMutation[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const code = reader.u8();
    const kind = MUTATIONS[code];
    if (kind === undefined) throw reader.corrupt(`expected a mutation from 0 to 2, found ${code}`);
    mutations.push({ kind, operand: reader.bytes() });
  }
  if (mutations.length === 0) throw reader.corrupt('expected a mutation at least, found none');
  return { key, mutations };
}
