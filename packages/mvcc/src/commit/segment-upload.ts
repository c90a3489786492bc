/** Writes sorted entries, or range tombstones, into segments in the bucket. */
import { type Entry, type RangeTombstone, SegmentBuilder, type SegmentDescriptor } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { newObjectId } from './new-object.js';
import { type OnSealed, SegmentUploads } from './segment-uploads.js';

/** A segment is closed when it weighs this much. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** One of range tombstones earlier: whoever needs one of them reads them all, with the meta chunk. */
const RANGES_SEGMENT_BYTES = 512 * 1024;
/** Segments of one run that are sent at once; bounds memory too. */
const UPLOADS_AT_ONCE = 3;

export interface UploadOptions extends CallOptions {
  readonly onSealed?: OnSealed;
}

/**
 * Writes `entries` (in key order) as one run.
 * @param baseVersion the tip as known now: what protects the segments from GC until a record names them.
 */
export function uploadRun(
  context: Context,
  baseVersion: number,
  entries: Iterable<Entry>,
  options: UploadOptions = {},
): Promise<SegmentDescriptor[]> {
  const add = (builder: SegmentBuilder, entry: Entry): void => builder.add(entry);
  return upload(context, baseVersion, entries, { add, closeAtBytes: SEGMENT_BYTES }, options);
}

/** Writes range tombstones (ascending, none over another) as one run. */
export function uploadRanges(
  context: Context,
  baseVersion: number,
  ranges: Iterable<RangeTombstone>,
  options: CallOptions = {},
): Promise<SegmentDescriptor[]> {
  const add = (builder: SegmentBuilder, range: RangeTombstone): void => builder.addRange(range);
  return upload(context, baseVersion, ranges, { add, closeAtBytes: RANGES_SEGMENT_BYTES }, options);
}

async function upload<T>(
  context: Context,
  baseVersion: number,
  items: Iterable<T>,
  form: { readonly add: (builder: SegmentBuilder, item: T) => void; readonly closeAtBytes: number },
  { onSealed, ...options }: UploadOptions,
): Promise<SegmentDescriptor[]> {
  const uploads = new SegmentUploads(context, UPLOADS_AT_ONCE, options, undefined, onSealed);
  let builder: SegmentBuilder | undefined;
  for (const item of items) {
    builder ??= new SegmentBuilder(context.sealing, newObjectId(context, baseVersion));
    form.add(builder, item);
    if (builder.bytes < form.closeAtBytes) continue;
    await uploads.send(builder);
    builder = undefined;
  }
  if (builder) await uploads.send(builder);
  return uploads.all();
}
