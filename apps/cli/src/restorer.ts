/**
 * Copies the entries of a snapshot into an empty database, in batches.
 *
 * Invariants:
 * - The first batch commits only into a database that has no key yet: of two copies at once into one place, one stops.
 * - At most one batch is in memory. A stream is copied as it comes, by itself.
 */
import { type Database, type Entry, HoldfastError, type Snapshot, StreamValue } from 'holdfast';
import { printValue } from './json-values.js';

export interface Copied {
  readonly entries: number;
  /** About. */
  readonly bytes: number;
}

/** What is copied: of one version. */
export interface Source extends Pick<Snapshot, 'getStream'> {
  list(range: object, options: { signal: AbortSignal }): AsyncIterable<Entry>;
}

const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_ENTRIES = 10_000;

/** Yields what is in `db` for good, after each batch, and once at the end. */
export async function* copyEntries(
  snapshot: Source,
  db: Database,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Copied, void, undefined> {
  let copied: Copied = { entries: 0, bytes: 0 };
  let isFirst = true;
  let batch: Entry[] = [];
  let bytes = 0;
  const write = async (): Promise<Copied> => {
    await db.transact(
      async (tx) => {
        if (isFirst) for await (const _ of tx.keys({}, { limit: 1 })) throw notEmpty();
        for (const { key, value, expiresAt } of batch) tx.set(key, value, { expireAt: expiresAt });
      },
      { signal },
    );
    isFirst = false;
    copied = { entries: copied.entries + batch.length, bytes: copied.bytes + bytes };
    batch = [];
    bytes = 0;
    return copied;
  };
  for await (const entry of snapshot.list({}, { signal })) {
    const { key, value, expiresAt } = entry;
    if (value instanceof StreamValue) {
      // Also where nothing waits: the first batch finds out whether the place is empty.
      if (isFirst || batch.length > 0) yield await write();
      const stream = (await snapshot.getStream(key, { signal }))!;
      await db.setStream(key, stream, { expireAt: expiresAt, signal });
      copied = { entries: copied.entries + 1, bytes: copied.bytes + value.bytes };
      yield copied;
      continue;
    }
    batch.push(entry);
    bytes += weightOf(value);
    if (bytes >= BATCH_BYTES || batch.length === BATCH_ENTRIES) yield await write();
  }
  if (batch.length > 0) yield await write();
}

function weightOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value === 'string') return value.length;
  return printValue(value).length;
}

function notEmpty(): HoldfastError {
  return new HoldfastError(
    'PREFIX_IN_USE',
    'Expected a new database without a key, found one: somebody else writes there. Nothing was copied; choose another TARGET.',
  );
}
