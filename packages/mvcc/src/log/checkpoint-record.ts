/** The record that a checkpoint names, which may lie below the floor: there its hash alone tells that it is the one meant. */
import { corrupt, equalBytes, type LogRecord, recordName } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { HeldCheckpoint } from '../state/checkpoints.js';
import { type Log, missingRecord } from './log.js';

/** @throws HoldfastError CORRUPT where it is gone, or another. */
export async function readCheckpointRecord(
  log: Log,
  { name, version, hash }: HeldCheckpoint,
  calls: CallOptions,
): Promise<LogRecord> {
  const record = await log.read(version, calls);
  if (record === undefined) throw missingRecord(version, `Checkpoint ${JSON.stringify(name)}`);
  if (!equalBytes(record.hash, hash))
    throw corrupt(recordName(version), `checkpoint ${JSON.stringify(name)} names another record`);
  return record;
}
