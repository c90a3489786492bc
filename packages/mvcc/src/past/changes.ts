/**
 * What a record changes, key by key, as `watch` tells it.
 *
 * Invariants:
 * - A key comes once for each transaction that changes it, in the order of the transactions, with what was there before
 *   that transaction.
 * - A deleted range is told as the keys that were there and that its transaction did not write anew. They are found by a
 *   walk, however many there are.
 */
import { decodeKey, type KeyTuple, type RangeDelete, type RecordDraft, type Write } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Step } from '../log/tip.js';
import { userValueOf } from '../reading/entry-reader.js';
import { alive, type Held, isAlive } from '../state/alive.js';
import { type Bounds, greatest, least, type StoredKey, toStoredKey } from '../state/space.js';
import { formatVersionstamp, type Versionstamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';

/** One write, as `watch` tells it. */
export interface Change<V = unknown> {
  readonly version: number;
  readonly versionstamp: Versionstamp;
  readonly key: KeyTuple;
  /** Undefined: deleted. */
  readonly value: V | undefined;
  /** What was there at this version's time, by its writer's clock. */
  readonly previous: V | undefined;
  /** When the value begins to read as absent: nothing is told then. Not there: it stays. */
  readonly expiresAt?: Date;
}

type Transaction = RecordDraft['transactions'][number];

/** What one step changes within `bounds`, in order. */
export async function* changesOf(
  before: View,
  { record, view }: Step,
  bounds: Bounds,
  options: CallOptions,
): AsyncGenerator<Change, void, undefined> {
  const nowMs = view.clockMs;
  const { version } = record;
  const { transactions } = record.body;
  // What each transaction is laid on.
  let state = before;
  for (const [order, transaction] of transactions.entries()) {
    const versionstamp = formatVersionstamp({ version, order });
    const change = (
      key: Uint8Array,
      held: Held | undefined,
      previous: Parameters<typeof userValueOf>[0] | undefined,
    ): Change => ({
      version,
      versionstamp,
      key: decodeKey(key.subarray(1)),
      value: held?.value && userValueOf({ value: held.value, stream: held.stream }),
      previous: previous && userValueOf(previous),
      ...(held?.expiresMs === undefined ? {} : { expiresAt: new Date(held.expiresMs) }),
    });
    const { rangeDeletes = [] } = transaction;
    const own = new Set(
      rangeDeletes.length === 0 ? [] : transaction.writes.map(({ key }) => toStoredKey(key)),
    );
    for (const range of rangeDeletes) {
      const cursor = state.scan(clip(range, bounds), options);
      for (await cursor.start(); !cursor.done; await cursor.next()) {
        if (!isAlive(cursor, nowMs)) continue;
        const key = cursor.key.slice();
        const isWritten =
          own.has(toStoredKey(key)) || (await isInRun(view, transaction.bulkRun, key, options));
        if (!isWritten) yield change(key, undefined, { value: await cursor.value(), stream: cursor.stream });
      }
    }
    const isLast = order === transactions.length - 1;
    const laid: Write[] = [];
    for await (const write of writesOf(view, transaction, bounds, options)) {
      const stored = toStoredKey(write.key);
      const previous = alive(await state.get(stored, write.key, options), nowMs);
      if (!isLast) laid.push(write);
      yield change(write.key, write, previous);
    }
    if (!isLast) state = state.withPending([{ rangeDeletes, writes: laid, order }]);
  }
}

/** The writes of a transaction within `bounds`, a large one's included. `view` is at its record's version. */
async function* writesOf(
  view: View,
  { writes, bulkRun }: Pick<Transaction, 'writes' | 'bulkRun'>,
  bounds: Bounds,
  options: CallOptions,
): AsyncGenerator<Write> {
  const begin = toStoredKey(bounds.begin);
  const end = toStoredKey(bounds.end!);
  const isInside = (stored: StoredKey): boolean => stored >= begin && stored < end;
  for (const write of writes) if (isInside(toStoredKey(write.key))) yield write;
  for (const segment of bulkRun === 0 ? [] : view.bulkSegments(bulkRun)) {
    const cursor = view.reader(segment).cursor({ ...bounds, ...options });
    for (await cursor.start(); !cursor.done; await cursor.next()) {
      const key = cursor.key.slice();
      const value = cursor.tombstone ? undefined : (await cursor.value()).slice();
      yield { key, value, expiresMs: cursor.expiresMs || undefined };
    }
  }
}

/** Whether a large transaction's segments have the key. */
async function isInRun(view: View, run: number, key: Uint8Array, options: CallOptions): Promise<boolean> {
  for (const segment of run === 0 ? [] : view.bulkSegments(run))
    if ((await view.reader(segment).get(key, options)) !== undefined) return true;
  return false;
}

function clip(range: RangeDelete, bounds: Bounds): Bounds {
  return { begin: greatest(range.begin, bounds.begin), end: least(bounds.end, range.end) };
}
