/**
 * What format 2 can say and this build does not lay on a state yet: streams, intents. Nothing
 * of it is written, and what is read of it is refused: passed over, it would be a wrong state.
 */
import {
  HoldfastError,
  type LogRecord,
  type Manifest,
  recordName,
  STREAM_LEVEL,
  type Write,
} from '@holdfast/core';

/** @throws HoldfastError UNSUPPORTED_FORMAT. */
export function refuseNotYet({ version, body }: LogRecord): void {
  const { transactions, carry, intents } = body;
  if (carry.entries.some(isStream) || transactions.some(({ writes }) => writes.some(isStream)))
    throw notYet(recordName(version), 'streams');
  if (intents.floor !== 0 || intents.decided.length > 0) throw notYet(recordName(version), 'intents');
}

/**
 * @param object how errors name the record that has it.
 * @throws HoldfastError UNSUPPORTED_FORMAT.
 */
export function refuseNotYetListed(manifest: Manifest, object: string): void {
  if (manifest.entries.some(({ level }) => level === STREAM_LEVEL)) throw notYet(object, 'parts of streams');
}

function isStream({ stream }: Pick<Write, 'stream'>): boolean {
  return stream === true;
}

function notYet(object: string, what: string): HoldfastError {
  return new HoldfastError(
    'UNSUPPORTED_FORMAT',
    `${object} has ${what}, which this build does not know how to read. Use a newer build.`,
  );
}
