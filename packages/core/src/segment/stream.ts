/**
 * The descriptor of a stream: where the parts of a value lie that is too large to be one (FORMAT.md, "Streams").
 *
 * Invariant: a decoded descriptor's parts can hold its length: all but the last are full.
 */
import { ByteReader, ByteWriter } from '../object/bytes.js';
import { OBJECT_ID_BYTES, type ObjectId } from '../object/names.js';

/** Bytes of each part but the last: what one segment holds as one large value. */
export const STREAM_PART_BYTES: number = 8 * 1024 * 1024;
/** The most bytes of a stream: 5 GiB. */
export const STREAM_BYTES_MAX: number = 5 * 1024 * 1024 * 1024;

export interface StreamDescriptor {
  readonly length: number;
  /** The segments that hold it, in order: each has one entry, of the stream's key. */
  readonly parts: readonly ObjectId[];
}

export function encodeStream({ length, parts }: StreamDescriptor): Uint8Array {
  const writer = new ByteWriter(16 + OBJECT_ID_BYTES * parts.length).varint(length).varint(parts.length);
  for (const id of parts) writer.raw(id);
  return writer.finish();
}

/**
 * @param object how errors name what holds it.
 * @throws HoldfastError CORRUPT.
 */
export function decodeStream(bytes: Uint8Array, object: string): StreamDescriptor {
  const reader = new ByteReader(bytes, object);
  const length = reader.varint();
  const count = reader.count(OBJECT_ID_BYTES);
  if (length > STREAM_BYTES_MAX || count !== Math.ceil(length / STREAM_PART_BYTES))
    throw reader.corrupt(
      `expected a stream of at most ${STREAM_BYTES_MAX} bytes in parts of ${STREAM_PART_BYTES}, found ${length} bytes in ${count}`,
    );
  const parts = Array.from({ length: count }, () => reader.copy(OBJECT_ID_BYTES));
  reader.end();
  return { length, parts };
}

/** Bytes of part i. */
export function streamPartBytes({ length }: Pick<StreamDescriptor, 'length'>, i: number): number {
  return Math.min(STREAM_PART_BYTES, length - i * STREAM_PART_BYTES);
}
