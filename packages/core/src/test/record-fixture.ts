/** For the tests of this package, not part of it: how records and intents are sealed, and anything that they may say. */
import { nobleProvider } from '@holdfast/crypto';
import { seededRandom } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { compareBytes } from '../object/bytes.js';
import type { Sealing } from '../object/envelope.js';
import type { AnnouncedTransaction } from '../record/announced-transaction.js';
import type { AnnouncedFlush, Intent } from '../record/intent-body.js';
import type { KeysRead } from '../record/keys-read.js';
import type { Turn } from '../record/turns.js';
import type { Write } from '../record/write.js';
import type { RangeDelete } from '../segment/range-tombstone.js';
import type { SegmentDescriptor } from '../segment/segment-entry.js';

export function testSealing(suite: 0 | 1, seed = 1): Sealing {
  const epochKey = new Uint8Array(32).fill(suite === 0 ? 0 : 5);
  return {
    provider: nobleProvider,
    suite,
    databaseId: new Uint8Array(16).fill(0xdb),
    currentEpoch: suite,
    epochKey: async () => epochKey,
    random: seededRandom(seed),
  };
}

export const anyBytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
export const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const key = anyBytes(20);

/** What is deleted neither expires nor is a stream. */
export const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ key, value: fc.constant(undefined) }),
  fc
    .tuple(key, anyBytes(40), fc.option(fc.integer({ min: 1 })), fc.boolean())
    .map(([key, value, expiresMs, stream]) => ({
      key,
      value,
      ...(expiresMs === null ? {} : { expiresMs }),
      ...(stream ? { stream: true as const } : {}),
    })),
);

/** Ascending, with gaps. */
export const anyRanges: fc.Arbitrary<RangeDelete[]> = fc
  .uniqueArray(fc.nat(255), { maxLength: 8 })
  .map((edges) => {
    const sorted = edges.sort((a, b) => a - b);
    return Array.from({ length: Math.floor(sorted.length / 2) }, (_, i) => ({
      begin: Uint8Array.of(sorted[2 * i]!),
      end: Uint8Array.of(sorted[2 * i + 1]!),
    }));
  });

export const anyKeysRead: fc.Arbitrary<KeysRead> = fc.record({
  points: fc
    .uniqueArray(key, { maxLength: 5, selector: String })
    .map((points) => points.sort((a, b) => compareBytes(a, b))),
  ranges: fc.array(
    fc.tuple(key, fc.option(key)).map(([begin, more]) => ({
      begin,
      end: more === null ? undefined : Uint8Array.of(...begin, 0, ...more),
    })),
    { maxLength: 3 },
  ),
});

export const anyTurn: fc.Arbitrary<Turn> = fc.record({
  processId: exactly(16),
  waitMs: fc.nat(60_000),
  reads: anyKeysRead,
});

/** What any segment says of itself. */
const sizes = fc.record({
  id: exactly(24),
  bytes: fc.integer({ min: 2000, max: 2 ** 40 }),
  metaBytes: fc.integer({ min: 124, max: 2000 }),
  root: exactly(32),
  epoch: fc.nat(9),
  earliestExpiryMs: fc.nat(),
});
const NOTHING = new Uint8Array(0);
const noRanges = { ranges: 0, rangeBegin: NOTHING, rangeEnd: NOTHING };

/** One to three segments, each of keys of its own. `versions`: those of its entries. */
function anyRun(versions: { readonly minVersion: number; readonly maxVersion: number }) {
  const ranged = versions.minVersion > 0;
  return fc
    .array(fc.tuple(sizes, fc.integer({ min: 1, max: 9 }), fc.nat(2)), { minLength: 1, maxLength: 3 })
    .map((segments): SegmentDescriptor[] =>
      segments.map(([size, entries, ranges], at) => ({
        ...size,
        ...versions,
        entries,
        tombstones: entries >> 1,
        firstKey: Uint8Array.of(at, 0),
        lastKey: Uint8Array.of(at, entries),
        ...(ranged && ranges > 0
          ? { ranges, rangeBegin: Uint8Array.of(at), rangeEnd: Uint8Array.of(at + 1) }
          : noRanges),
      })),
    );
}

const anyParts = fc.array(sizes, { minLength: 1, maxLength: 3 }).map((parts): SegmentDescriptor[] =>
  parts.map((part) => ({
    ...part,
    minVersion: 0,
    maxVersion: 0,
    entries: 1,
    tombstones: 0,
    firstKey: Uint8Array.of(1),
    lastKey: Uint8Array.of(1),
    ...noRanges,
  })),
);

const anyMutations = fc.record({
  key,
  mutations: fc.array(
    fc.record({
      kind: fc.constantFrom('add' as const, 'max' as const, 'min' as const),
      operand: anyBytes(9),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const anyTransaction = (base: number): fc.Arbitrary<AnnouncedTransaction> =>
  fc
    .tuple(
      fc.record({
        readVersion: fc.nat(base),
        nowMs: fc.maxSafeNat(),
        reads: anyKeysRead,
        rangeDeletes: anyRanges,
        changes: fc
          .uniqueArray(fc.oneof(anyWrite, anyMutations), {
            maxLength: 5,
            selector: (change) => String(change.key),
          })
          .map((changes) => changes.sort((a, b) => compareBytes(a.key, b.key))),
      }),
      fc.option(
        fc.oneof(
          anyRun({ minVersion: 0, maxVersion: 0 }).map((segments) => ({ kind: 'bulk' as const, segments })),
          anyParts.map((segments) => ({ kind: 'stream' as const, segments })),
        ),
      ),
    )
    .map(([transaction, staged]) => (staged ? { ...transaction, staged } : transaction));

const anyFlush: fc.Arbitrary<AnnouncedFlush> = fc.nat(90).chain((after) =>
  fc.record({
    after: fc.constant(after),
    through: fc.constant(after + 5),
    runs: fc.array(anyRun({ minVersion: after + 1, maxVersion: after + 4 }), { maxLength: 2 }),
  }),
);

/** Any intent that a writer could announce. */
export const anyIntent: fc.Arbitrary<Intent> = fc.integer({ min: 100, max: 2 ** 40 }).chain((base) =>
  fc
    .tuple(
      fc.record({
        processId: exactly(16),
        base: fc.constant(base),
        recordsMade: fc.nat(),
        roundTripMs: fc.nat(),
        turnMs: fc.nat(60_000),
        losses: fc.nat(300),
        transactions: fc.array(anyTransaction(base), { maxLength: 4 }),
      }),
      fc.option(anyFlush),
    )
    .map(([intent, flush]) => (flush ? { ...intent, flush } : intent)),
);
