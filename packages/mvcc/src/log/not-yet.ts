/**
 * What format 2 can say and this build does not lay on a state yet: range tombstones, intents. Nothing
 * of it is written, and what is read of it is refused: passed over, it would be a wrong state.
 */
import { HoldfastError, type LogRecord, type Manifest, recordName } from '@holdfast/core';

/** @throws HoldfastError UNSUPPORTED_FORMAT. */
export function refuseNotYet({ version, body }: LogRecord): void {
  const { transactions, carry, intents } = body;
  if (carry.ranges.length > 0 || transactions.some(({ rangeDeletes }) => rangeDeletes.length > 0))
    throw notYet(recordName(version), 'range tombstones');
  if (intents.floor !== 0 || intents.decided.length > 0) throw notYet(recordName(version), 'intents');
}

/**
 * @param object how errors name the record that has it.
 * @throws HoldfastError UNSUPPORTED_FORMAT.
 */
export function refuseNotYetListed(manifest: Manifest, object: string): void {
  for (const { ranges } of manifest.entries)
    if (ranges > 0) throw notYet(object, 'segments with range tombstones');
}

function notYet(object: string, what: string): HoldfastError {
  return new HoldfastError(
    'UNSUPPORTED_FORMAT',
    `${object} has ${what}, which this build does not know how to read. Use a newer build.`,
  );
}
