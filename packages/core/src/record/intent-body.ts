/**
 * The sealed content of an intent (FORMAT.md, "Intents").
 *
 * Invariants:
 * - Decoding trusts nothing: a byte that is not as written is `CORRUPT`.
 * - One content has one encoding. The nonce makes each another one, whatever it announces.
 */
import { ByteReader, ByteWriter } from '../object/bytes.js';
import type { SegmentDescriptor } from '../segment/segment-entry.js';
import { readRun, writeRun } from './announced-segments.js';
import {
  ANNOUNCED_TRANSACTION_BYTES_MIN,
  type AnnouncedTransaction,
  readAnnounced,
  writeAnnounced,
} from './announced-transaction.js';
import { PROCESS_ID_BYTES, readWaitMs } from './turns.js';

export const INTENT_NONCE_BYTES = 16;

/** A flush of the tail that waits for a record to put it into the manifest. */
export interface AnnouncedFlush {
  /** It holds the writes of the versions above this … */
  readonly after: number;
  /** … up to this one. */
  readonly through: number;
  /** In the order in which the manifest numbers them. */
  readonly runs: readonly (readonly SegmentDescriptor[])[];
}

/** A group of transactions that a process announces, and what it says of itself. */
export interface Intent {
  /** 16 bytes: what its records have as their writer id. */
  readonly processId: Uint8Array;
  /** The version that its process knew when it was sealed. */
  readonly base: number;
  /** Records that its process has made. */
  readonly recordsMade: number;
  /** How long a request of its process takes. */
  readonly roundTripMs: number;
  /** How long its transactions take, at most `WAIT_MS_MAX`. */
  readonly turnMs: number;
  /** How often these transactions were decided `conflict` before. */
  readonly losses: number;
  readonly flush?: AnnouncedFlush;
  /** None and no flush: it asks for a turn, for what is too large for an intent. */
  readonly transactions: readonly AnnouncedTransaction[];
}

/** @param nonce 16 random bytes. */
export function encodeIntent(intent: Intent, nonce: Uint8Array): Uint8Array {
  const { processId, base, recordsMade, roundTripMs, turnMs, losses, flush, transactions } = intent;
  const writer = new ByteWriter(1024);
  writer.raw(nonce).raw(processId).varint(base);
  writer.varint(recordsMade).varint(roundTripMs).varint(turnMs).varint(losses);
  writer.u8(flush ? 1 : 0);
  if (flush) {
    writer.varint(flush.after).varint(flush.through).varint(flush.runs.length);
    for (const run of flush.runs) writeRun(writer, run);
  }
  writer.varint(transactions.length);
  for (const transaction of transactions) writeAnnounced(writer, transaction);
  return writer.view();
}

/** @param object how errors name the intent. */
export function decodeIntent(plaintext: Uint8Array, object: string): Intent {
  const reader = new ByteReader(plaintext, `${object} (opened)`);
  reader.raw(INTENT_NONCE_BYTES);
  const processId = reader.copy(PROCESS_ID_BYTES);
  const base = reader.varint();
  const recordsMade = reader.varint();
  const roundTripMs = reader.varint();
  const turnMs = readWaitMs(reader);
  const losses = reader.varint();
  const hasFlush = reader.u8();
  if (hasFlush > 1) throw reader.corrupt(`expected 0 or 1 for whether a flush follows, found ${hasFlush}`);
  const flush = hasFlush ? readFlush(reader, base) : undefined;
  const transactions: AnnouncedTransaction[] = [];
  for (let left = reader.count(ANNOUNCED_TRANSACTION_BYTES_MIN); left > 0; left--)
    transactions.push(readAnnounced(reader, base));
  reader.end();
  const intent = { processId, base, recordsMade, roundTripMs, turnMs, losses, transactions };
  return flush ? { ...intent, flush } : intent;
}

function readFlush(reader: ByteReader, base: number): AnnouncedFlush {
  const after = reader.varint();
  const through = reader.varint();
  if (through <= after || through > base)
    throw reader.corrupt(`expected a flush through a version in (${after}, ${base}], found ${through}`);
  const runs: SegmentDescriptor[][] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const run = readRun(reader, 'flush');
    const outside = run.find(({ minVersion, maxVersion }) => minVersion <= after || maxVersion > through);
    if (outside)
      throw reader.corrupt(
        `expected versions in (${after}, ${through}] in a flush, found ${outside.minVersion} to ${outside.maxVersion}`,
      );
    runs.push(run);
  }
  return { after, through, runs };
}
