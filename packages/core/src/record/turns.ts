/**
 * Turns: who may run its transaction again undisturbed, because it lost a conflict (FORMAT.md, "Turns").
 *
 * Invariants:
 * - They are hints, for who does what when. No commit is right or wrong because of one.
 * - What is written can be read: a larger read set is written as the stretch that holds it.
 * - What is decoded is a copy: a process keeps turns for longer than the record.
 */
import { type ByteReader, type ByteWriter, copyBytes } from '../object/bytes.js';
import { type KeysRead, keysReadWithin, readKeysRead, writeKeysRead } from './keys-read.js';

/** The id that a process draws when it opens the database. */
export const PROCESS_ID_BYTES = 16;
/** Turns that a record has, at most. */
export const TURNS_MAX = 64;
/** The most bytes that a turn's read set takes: of more it says where that lies, see `keysReadWithin()`. */
export const TURN_READS_BYTES_MAX = 4096;
/** The longest that a turn asks others to wait, and that a process says its transactions take. */
export const WAIT_MS_MAX = 60_000;

export interface Turn {
  /** Of the process whose turn it is. */
  readonly processId: Uint8Array;
  /** For how long others leave alone what it read, at most `WAIT_MS_MAX`. */
  readonly waitMs: number;
  readonly reads: KeysRead;
}

export function writeTurns(writer: ByteWriter, turns: readonly Turn[]): void {
  writer.varint(turns.length);
  for (const { processId, waitMs, reads } of turns) {
    writer.raw(processId).varint(waitMs);
    writeKeysRead(writer, keysReadWithin(reads, TURN_READS_BYTES_MAX));
  }
}

export function readTurns(reader: ByteReader): Turn[] {
  const turns: Turn[] = [];
  const count = reader.count(PROCESS_ID_BYTES + 3);
  if (count > TURNS_MAX) throw reader.corrupt(`expected at most ${TURNS_MAX} turns, found ${count}`);
  for (let left = count; left > 0; left--) {
    const processId = reader.copy(PROCESS_ID_BYTES);
    const waitMs = readWaitMs(reader);
    const from = reader.offset;
    const reads = readKeysRead(reader, copyBytes);
    const bytes = reader.offset - from;
    if (bytes > TURN_READS_BYTES_MAX)
      throw reader.corrupt(
        `expected a turn's read set of at most ${TURN_READS_BYTES_MAX} bytes, found ${bytes}`,
      );
    turns.push({ processId, waitMs, reads });
  }
  return turns;
}

export function readWaitMs(reader: ByteReader): number {
  const waitMs = reader.varint();
  if (waitMs > WAIT_MS_MAX) throw reader.corrupt(`expected at most ${WAIT_MS_MAX} ms, found ${waitMs}`);
  return waitMs;
}
