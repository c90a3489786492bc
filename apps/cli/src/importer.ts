/**
 * Writes rows as one transaction, or in batches, each of which takes effect once.
 *
 * Invariants:
 * - Rows that can be read once only (of a pipe) go in batches, and so does what was begun so; a file goes as one.
 * - A batch's request id is a hash of everything imported up to its end. The same file cut into the same batches
 *   gives the same ids, so a batch that was committed before is not written again, whoever asks.
 * - Rows are written in the file's order: of one key's values the last one stays.
 * - At most one batch and the chunk after it are in memory.
 * - A file's request id is a hash of its bytes: known before any of it is written.
 */
import { createHash, type Hash } from 'node:crypto';
import { type Database, HoldfastError, type KeyTuple, type LoadEntry } from 'holdfast';
import type { Row } from './import-rows.js';

/** Bytes of the file, not of the database: batches are cut the same on every run. */
export const BATCH_BYTES: number = 2 * 1024 * 1024;

export interface BadRow {
  readonly line: number;
  readonly problem: string;
}

/** What an import has come to so far. */
export interface ImportTally {
  /** Entries in the database by now, written by this run or an earlier one. */
  entries: number;
  /** Those of them that an earlier run wrote. */
  entriesBefore: number;
  batches: number;
  batchesBefore: number;
  badRows: number;
  /** The first of the bad ones. */
  readonly bad: BadRow[];
  /** The last line that is in the database. */
  throughLine: number;
}

export const BAD_ROWS_TOLD_MAX = 1000;

export interface ImporterOptions {
  /** What else decides what the file's bytes become. */
  readonly seed: string;
  /** Goes before each key. */
  readonly prefix: KeyTuple;
  /** Nothing is written from the first bad row on. */
  readonly strict: boolean;
  readonly signal: AbortSignal;
  /** Told of each bad row, in the file's order but for those that only the database refuses. */
  readonly onBad: (row: Row, problem: string) => Promise<void>;
}

/** A row that the database refuses, such as one with a key that is too long: its place in the batch, and why. */
type Refused = readonly [index: number, problem: string];

export class Importer {
  readonly tally: ImportTally = {
    entries: 0,
    entriesBefore: 0,
    batches: 0,
    batchesBefore: 0,
    badRows: 0,
    bad: [],
    throughLine: 0,
  };
  readonly #db: Database;
  readonly #options: ImporterOptions;
  readonly #hash: Hash;
  #batch: (Row & { readonly problem?: undefined })[] = [];
  #batchBytes = 0;

  constructor(db: Database, options: ImporterOptions) {
    const { seed, strict } = options;
    this.#db = db;
    this.#options = options;
    this.#hash = createHash('sha256').update(`holdfast import 1\n${strict} ${seed}\n`);
  }

  /** Resolves to whether to go on. */
  async add(row: Row): Promise<boolean> {
    const { strict } = this.#options;
    if (row.problem !== undefined) {
      if (strict && !(await this.finish())) return false;
      await this.#note(row, row.problem);
      return !strict;
    }
    this.#hash.update(`${row.raw.length}:`).update(row.raw);
    this.#batch.push(row);
    this.#batchBytes += row.raw.length;
    return this.#batchBytes < BATCH_BYTES || this.finish();
  }

  /** Whether the first batch of these rows was committed before. */
  async isBegun(source: AsyncIterable<Row[]>): Promise<boolean> {
    const hash = this.#hash.copy();
    let bytes = 0;
    for await (const rows of source)
      for (const { raw, problem } of rows) {
        if (problem !== undefined) continue;
        hash.update(`${raw.length}:`).update(raw);
        bytes += raw.length;
        if (bytes >= BATCH_BYTES) {
          const requestId = `import ${hash.digest('hex')}`;
          return (await this.#db.outcome(requestId, { signal: this.#options.signal })).status !== 'open';
        }
      }
    return false;
  }

  /**
   * Writes all rows as one transaction.
   * @param file names their bytes.
   * @param onSorting told of how many rows are in order by now, where they came in none.
   */
  async load(source: AsyncIterable<Row[]>, file: string, onSorting: (rows: number) => void): Promise<void> {
    const { signal, prefix, strict } = this.#options;
    const { tally } = this;
    const { seed } = this.#options;
    const requestId = `import file ${createHash('sha256').update(`${strict} ${seed}\n${file}`).digest('hex')}`;
    const known = await this.#db.outcome(requestId, { signal });
    let row: Row | undefined;
    const told: Promise<void>[] = [];
    let isOver = false;
    const note = this.#note.bind(this);
    async function* entries(): AsyncGenerator<LoadEntry, void, undefined> {
      for await (const rows of source)
        for (row of rows) {
          await Promise.all(told.splice(0));
          if (isOver) return;
          if (row.problem !== undefined) {
            await note(row, row.problem);
            if (strict) return;
            continue;
          }
          const { key, value, expiresAt } = row;
          yield [[...prefix, ...key], value, expiresAt && { expireAt: expiresAt }];
          if (known.status === 'open' && !isOver) tally.entries++;
        }
      await Promise.all(told.splice(0));
    }
    if (known.status === 'open') {
      const loaded = await this.#db.load(entries(), {
        requestId,
        signal,
        onRefused: (_, error) => {
          tally.entries--;
          isOver = strict;
          told.push(note(row!, error.message));
        },
        onProgress: ({ phase, merged }) => {
          if (phase === 'merge') onSorting(merged);
        },
      });
      tally.entries = loaded.entries;
    } else {
      // Its bad lines are told again, but for those that only the database knew.
      for await (const _ of entries());
      const { entries: before, refused } = (known as { result: { entries: number; refused: number } }).result;
      tally.entries = before;
      tally.entriesBefore = before;
      tally.batchesBefore = 1;
      tally.badRows += refused;
    }
    await Promise.all(told);
    tally.batches = 1;
    tally.throughLine = row?.line ?? 0;
  }

  /** Writes what is left. Resolves to whether to go on. */
  async finish(): Promise<boolean> {
    const { signal, prefix, strict } = this.#options;
    signal.throwIfAborted();
    const batch = this.#batch;
    if (batch.length === 0) return true;
    const requestId = `import ${this.#hash.copy().digest('hex')}`;
    let isNew = false;
    // The result is kept with the request: an import that is continued tells of the same refusals again.
    const refused = await this.#db.transact<Refused[]>(
      (tx) => {
        isNew = true;
        const problems: Refused[] = [];
        for (const [i, { key, value, expiresAt }] of batch.entries()) {
          try {
            tx.set([...prefix, ...key], value, { expireAt: expiresAt });
          } catch (error) {
            if (!isRefusal(error)) throw error;
            problems.push([i, error.message]);
            if (strict) break;
          }
        }
        return problems;
      },
      { requestId, signal },
    );
    const stoppedAt = strict ? refused[0]?.[0] : undefined;
    const written = stoppedAt ?? batch.length - refused.length;
    const { tally } = this;
    tally.entries += written;
    tally.batches++;
    if (!isNew) {
      tally.entriesBefore += written;
      tally.batchesBefore++;
    }
    tally.throughLine = batch.at((stoppedAt ?? batch.length) - 1)!.line;
    this.#batch = [];
    this.#batchBytes = 0;
    for (const [i, problem] of refused) await this.#note(batch[i]!, problem);
    return stoppedAt === undefined;
  }

  async #note(row: Row, problem: string): Promise<void> {
    this.tally.badRows++;
    if (this.tally.bad.length < BAD_ROWS_TOLD_MAX) this.tally.bad.push({ line: row.line, problem });
    await this.#options.onBad(row, problem);
  }
}

function isRefusal(error: unknown): error is Error {
  return error instanceof TypeError || (error instanceof HoldfastError && error.code === 'LIMIT_EXCEEDED');
}
