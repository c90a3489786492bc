/**
 * What a record must have in common with those before it, besides its parent's hash (FORMAT.md, "Rules from record to
 * record").
 *
 * Invariant: what never goes back has not, and what is fixed for as long as the database lives is as it was.
 */
import {
  corrupt,
  equalBytes,
  type Intents,
  type LogRecord,
  type RecordClear,
  recordName,
} from '@holdfast/core';
import { keyringEpochs } from '@holdfast/crypto';
import { checkIntentsFollow, type Deciding } from './intents-follow.js';

/** What a record says, or the state after it, as far as the next one must fit it. */
interface Ancestor
  extends Pick<RecordClear, 'version' | 'floor' | 'flushedThrough' | 'tiledThrough' | 'graceMs' | 'keyring'>,
    Pick<LogRecord, 'epoch'> {
  readonly timeMs: number;
  readonly intents: Intents;
}

interface Descendant extends Omit<Ancestor, 'timeMs' | 'intents'>, Pick<RecordClear, 'extensions'> {
  readonly body: { readonly timeMs: number } & Deciding['body'];
}

/** Checks a record against any one before it. @throws HoldfastError CORRUPT. */
export function checkDescends(before: Ancestor, record: Descendant, isParent = false): void {
  checkIntentsFollow(before, record, isParent);
  const { version, epoch, graceMs, floor, tiledThrough, flushedThrough } = record;
  const object = recordName(version);
  const notBelow = (what: string, least: number, found: number): void => {
    if (found < least)
      throw corrupt(
        object,
        `expected ${what} of ${least} or more, as of version ${before.version}, found ${found}`,
      );
  };
  // Whoever has stolen an old epoch's key can copy a keyring of that time too.
  notBelow('a key epoch', before.epoch, epoch);
  notBelow('a time', before.timeMs, record.body.timeMs);
  notBelow('a floor', before.floor, floor);
  notBelow('flushedThrough', before.flushedThrough, flushedThrough);
  notBelow('tiledThrough', before.tiledThrough, tiledThrough);
  if (graceMs !== before.graceMs)
    throw corrupt(object, `expected the database's grace period, ${before.graceMs} ms, found ${graceMs} ms`);
}

/** Checks a record against its parent. @throws HoldfastError CORRUPT. */
export function checkFollows(parent: Ancestor, record: Descendant): void {
  checkDescends(parent, record, true);
  const { retiredEpochs: retired = [] } = record.extensions;
  const still = retired.find((epoch) => keyringEpochs(record.keyring).includes(epoch));
  if (still !== undefined)
    throw corrupt(
      recordName(record.version),
      `expected epoch ${still}, which it retires, to be gone from its keyring`,
    );
  if (equalBytes(record.keyring, parent.keyring)) return;
  const kept = new Set([...keyringEpochs(record.keyring), ...retired]);
  const lost = keyringEpochs(parent.keyring).find((epoch) => !kept.has(epoch));
  if (lost !== undefined)
    throw corrupt(
      recordName(record.version),
      `expected epoch ${lost} in its keyring, or said to be retired, found neither`,
    );
}
