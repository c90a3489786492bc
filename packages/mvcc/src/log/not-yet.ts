/**
 * What format 2 can say and this build does not lay on a state yet: intents. Nothing of it is written, and what is read
 * of it is refused: passed over, it would be a wrong state.
 */
import { HoldfastError, type LogRecord, recordName } from '@holdfast/core';

/** @throws HoldfastError UNSUPPORTED_FORMAT. */
export function refuseNotYet({ version, body }: Pick<LogRecord, 'version' | 'body'>): void {
  const { intents } = body;
  if (intents.floor === 0 && intents.decided.length === 0) return;
  throw new HoldfastError(
    'UNSUPPORTED_FORMAT',
    `${recordName(version)} has intents, which this build does not know how to read. Use a newer build.`,
  );
}
