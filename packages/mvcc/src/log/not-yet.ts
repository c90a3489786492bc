/**
 * What format 2 can say and this build does not lay on a state yet: range tombstones, streams, intents. Nothing
 * of it is written, and what is read of it is refused: passed over, it would be a wrong state.
 */
import { HoldfastError, type Manifest, type RecordDraft, recordName, STREAM_LEVEL } from '@holdfast/core';

/** @throws HoldfastError UNSUPPORTED_FORMAT. */
export function refuseNotYet(
  record: { readonly version: number; readonly body: RecordDraft },
  manifest: Manifest,
): void {
  const { transactions, carry, intents } = record.body;
  const entries = 'bytes' in carry.entries ? [] : carry.entries;
  const writes = [...entries, ...transactions.flatMap((each) => each.writes)];
  const found =
    carry.ranges?.length || transactions.some(({ rangeDeletes }) => rangeDeletes?.length)
      ? 'range tombstones'
      : writes.some(({ stream }) => stream)
        ? 'streams'
        : intents && (intents.floor !== 0 || intents.decided.length > 0)
          ? 'intents'
          : inManifest(manifest);
  if (found !== undefined)
    throw new HoldfastError(
      'UNSUPPORTED_FORMAT',
      `${recordName(record.version)} has ${found}, which this build does not know how to read. Use a newer build.`,
    );
}

/** By manifest, since most records change nothing in it. */
const looked = new WeakMap<Manifest, string | undefined>();

function inManifest(manifest: Manifest): string | undefined {
  if (looked.has(manifest)) return looked.get(manifest);
  let found: string | undefined;
  for (const { ranges, level } of manifest.entries) {
    if (ranges > 0) found = 'segments with range tombstones';
    else if (level === STREAM_LEVEL) found = 'parts of streams';
  }
  looked.set(manifest, found);
  return found;
}
