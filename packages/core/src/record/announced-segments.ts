/**
 * Segments that an intent brings along, for the manifest of the record that carries it (FORMAT.md, "Intents").
 *
 * Invariants:
 * - A decoded run can be placed in a manifest as it is: each segment is consistent in itself, and with the one before.
 * - Ids and roots are copies, since the manifest keeps them; keys are too.
 */
import { HASH_BYTES } from '../merkle/merkle.js';
import { type ByteReader, type ByteWriter, compareBytes } from '../object/bytes.js';
import { OBJECT_ID_BYTES } from '../object/names.js';
import { readContents, writeContents } from '../segment/segment-contents.js';
import {
  descriptorFault,
  endsBefore,
  partFault,
  type SegmentDescriptor,
  segmentBegin,
} from '../segment/segment-entry.js';
import { metaBytesFault } from '../segment/segment-table.js';

/** Id, root, and ten numbers and lengths of a byte at least. */
const DESCRIPTOR_BYTES_MIN = OBJECT_ID_BYTES + HASH_BYTES + 10;

/** What a run is for: a flush of the tail, a large transaction's writes, or the parts of a stream. */
export type RunKind = 'flush' | 'bulk' | 'stream';

export function writeRun(writer: ByteWriter, run: readonly SegmentDescriptor[]): void {
  writer.varint(run.length);
  for (const s of run) {
    writer.raw(s.id).varint(s.bytes).varint(s.metaBytes).raw(s.root).varint(s.epoch);
    writeContents(writer, s);
  }
}

/** @throws HoldfastError CORRUPT where it could not stand in a manifest as such a run. */
export function readRun(reader: ByteReader, kind: RunKind): SegmentDescriptor[] {
  const run: SegmentDescriptor[] = [];
  for (let left = reader.count(DESCRIPTOR_BYTES_MIN); left > 0; left--) {
    const segment = readDescriptor(reader);
    const before = run.at(-1);
    const fault =
      metaBytesFault(segment) ??
      descriptorFault(segment) ??
      versionsFault(segment, kind) ??
      (kind === 'stream' ? partFault(segment) : undefined) ??
      (before && orderFault(before, segment, kind));
    if (fault !== undefined) throw reader.corrupt(`before it, ${fault}`);
    run.push(segment);
  }
  if (run.length === 0) throw reader.corrupt(`expected a segment at least in a ${kind} run, found none`);
  return run;
}

function readDescriptor(reader: ByteReader): SegmentDescriptor {
  return {
    id: reader.copy(OBJECT_ID_BYTES),
    bytes: reader.varint(),
    metaBytes: reader.varint(),
    root: reader.copy(HASH_BYTES),
    epoch: reader.varint(),
    ...readContents(reader),
  };
}

/** What a flush writes has its versions; what a transaction stages gets the version of the record that carries it. */
function versionsFault(
  { minVersion, maxVersion, ranges }: SegmentDescriptor,
  kind: RunKind,
): string | undefined {
  if (kind === 'flush')
    return minVersion > 0 && maxVersion >= minVersion
      ? undefined
      : `expected versions from 1 up in a flush, found ${minVersion} to ${maxVersion}`;
  if (minVersion !== 0 || maxVersion !== 0)
    return `expected staged entries without a version, found ${minVersion} to ${maxVersion}`;
  return ranges === 0 ? undefined : `expected no range tombstones in a staged segment, found ${ranges}`;
}

function orderFault(
  before: SegmentDescriptor,
  segment: SegmentDescriptor,
  kind: RunKind,
): string | undefined {
  const begin = segmentBegin(segment);
  if (kind === 'stream')
    return compareBytes(segmentBegin(before), begin) === 0
      ? undefined
      : 'expected the parts of a stream to have its key';
  return endsBefore(before, begin)
    ? undefined
    : 'expected segments of a run in the order of their keys, apart';
}
