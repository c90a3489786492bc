/**
 * What is said of a segment's contents, as a manifest page and an intent write it.
 *
 * Invariant: what is read is a copy. Whether it is consistent its reader asks (`descriptorFault`).
 */
import { type ByteReader, type ByteWriter, copyBytes } from '../object/bytes.js';
import type { SegmentDescriptor } from './segment-entry.js';

const NO_BOUND = new Uint8Array(0);

type SegmentContents = Omit<SegmentDescriptor, 'id' | 'bytes' | 'metaBytes' | 'root' | 'epoch'>;

export function writeContents(writer: ByteWriter, s: SegmentContents): void {
  writer.varint(s.minVersion).varint(s.maxVersion).varint(s.entries).varint(s.tombstones);
  writer.varint(s.ranges);
  if (s.ranges > 0) writer.bytes(s.rangeBegin).bytes(s.rangeEnd);
  writer.varint(s.earliestExpiryMs).bytes(s.firstKey).bytes(s.lastKey);
}

export function readContents(reader: ByteReader): SegmentContents {
  const numbers = {
    minVersion: reader.varint(),
    maxVersion: reader.varint(),
    entries: reader.varint(),
    tombstones: reader.varint(),
    ranges: reader.varint(),
  };
  const bound = (): Uint8Array => (numbers.ranges === 0 ? NO_BOUND : copyBytes(reader.bytes()));
  return {
    ...numbers,
    rangeBegin: bound(),
    rangeEnd: bound(),
    earliestExpiryMs: reader.varint(),
    firstKey: copyBytes(reader.bytes()),
    lastKey: copyBytes(reader.bytes()),
  };
}
