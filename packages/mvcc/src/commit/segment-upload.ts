/**
 * Writes sorted entries into segments in the bucket, before any record names them (I3).
 *
 * A segment's name is random and created only if absent: a cloned worker whose random source repeats itself
 * can't replace a segment that an acknowledged record names.
 */
import {
  concatBytes,
  type Entry,
  equalBytes,
  HoldfastError,
  type ObjectId,
  objectName,
  type RangeTombstone,
  SEGMENT_PREFIX,
  SegmentBuilder,
  type SegmentDescriptor,
} from '@holdfast/core';
import { type CallOptions, StoreError } from '@holdfast/object-store';
import { type Context, fromStoreError } from '../context/context.js';
import { backoffMs } from '../context/deadline.js';

/** A segment is closed when it weighs this much. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** One of range tombstones earlier: whoever needs one of them reads them all, with the meta chunk. */
const RANGES_SEGMENT_BYTES = 512 * 1024;
/** Segments of one run that are sent at once; bounds memory too. */
const UPLOADS_AT_ONCE = 3;
const ATTEMPTS_MAX = 6;

/** An object id: the version its writer knew, then 16 random bytes. */
export function newObjectId(context: Context, baseVersion: number): ObjectId {
  const base = new Uint8Array(8);
  new DataView(base.buffer).setBigUint64(0, BigInt(baseVersion));
  return concatBytes(base, context.random(16));
}

/**
 * Writes `entries` (in key order) as one run.
 * @param baseVersion the tip as known now: what protects the segments from GC until a record names them.
 */
export function uploadRun(
  context: Context,
  baseVersion: number,
  entries: Iterable<Entry>,
  options: CallOptions = {},
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
  options: CallOptions,
): Promise<SegmentDescriptor[]> {
  const uploaded: Promise<SegmentDescriptor>[] = [];
  const underWay = new Set<Promise<unknown>>();
  let builder: SegmentBuilder | undefined;
  const close = async (full: SegmentBuilder): Promise<void> => {
    // Waits for a place before it seals, so that finished segments don't pile up in memory.
    while (underWay.size >= UPLOADS_AT_ONCE) await Promise.race(underWay);
    const { bytes, descriptor } = await full.finish();
    const name = objectName(SEGMENT_PREFIX, descriptor.id);
    const sent = putNew(context, name, bytes, options).then(() => descriptor);
    const settled: Promise<unknown> = sent
      .catch(() => {})
      .finally(() => {
        underWay.delete(settled);
      });
    underWay.add(settled);
    uploaded.push(sent);
  };
  for (const item of items) {
    builder ??= new SegmentBuilder(context.sealing, newObjectId(context, baseVersion));
    form.add(builder, item);
    if (builder.bytes >= form.closeAtBytes) {
      await close(builder);
      builder = undefined;
      options.signal?.throwIfAborted();
    }
  }
  if (builder) await close(builder);
  return Promise.all(uploaded);
}

/**
 * Creates an object under a name that nobody else uses. A name that is taken all the same was taken by these bytes:
 * an answer was lost, or something on the way sent the PUT twice (RFC 9110 section 9.2.2 lets a proxy) and handed on
 * the second answer.
 */
export async function putNew(
  context: Context,
  name: string,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<void> {
  const { store, clock, random } = context;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await store.put(name, bytes, { ...options, ifAbsent: true });
      if (!result.occupied) return;
      const found = await store.get(name, { ...options, maxBytes: bytes.length });
      if (found && equalBytes(found.bytes, bytes)) return;
    } catch (error) {
      const again =
        error instanceof StoreError && (error.code === 'UNKNOWN_OUTCOME' || error.code === 'UNAVAILABLE');
      // Longer than the bytes that were sent: not they.
      if (!(error instanceof StoreError && error.code === 'TOO_LARGE')) {
        const { signal } = options;
        if (signal?.aborted) throw fromStoreError(signal.reason, `writing ${name}`);
        if (!again || attempt >= ATTEMPTS_MAX) throw fromStoreError(error, `writing ${name}`);
        await clock.sleep(backoffMs(random, attempt + 1, error), signal);
        continue;
      }
    }
    throw new HoldfastError(
      'CORRUPT',
      `${name} exists already with other content, though its name was just drawn at random: expected an unpredictable random source, found one that repeats itself. Nothing was changed; give open() a sound \`random\`.`,
    );
  }
}
