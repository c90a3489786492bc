/** Intents for the database with every field (every-field.ts), of one process. */
import {
  type AnnouncedTransaction,
  encodeStream,
  encodeValue,
  type Intent,
  type KeysRead,
  type SegmentDescriptor,
} from '@holdfast/core';
import { deleted, filled, LATE_MS, only, START_MS, set, userKey } from './field-writes.js';
import type { Transaction } from './scribe.js';

const NOTHING_READ: KeysRead = { points: [], ranges: [] };
export const announced = (
  { writes, rangeDeletes }: Transaction,
  readVersion: number,
  reads: KeysRead = NOTHING_READ,
): AnnouncedTransaction => ({ readVersion, nowMs: START_MS, reads, rangeDeletes, changes: writes });
export const intentOf = (transactions: Intent['transactions']): Omit<Intent, 'base'> => ({
  processId: filled(16, 12),
  recordsMade: 3,
  roundTripMs: 40,
  turnMs: 250,
  losses: 1,
  transactions,
});
/** Of a segment that nobody uploaded: whoever carries it does not look. */
const segmentOf = (n: number, more: Partial<SegmentDescriptor> = {}): SegmentDescriptor => ({
  id: filled(24, n),
  bytes: 9000,
  metaBytes: 400,
  root: filled(32, n),
  epoch: 2,
  entries: 2,
  tombstones: 1,
  ranges: 0,
  rangeBegin: new Uint8Array(0),
  rangeEnd: new Uint8Array(0),
  earliestExpiryMs: 0,
  minVersion: 0,
  maxVersion: 0,
  firstKey: userKey('seg', n),
  lastKey: userKey('seg', n, 1),
  ...more,
});

/** All that an intent may say: a flush, staged segments, writes of every form, mutations. */
export function everyIntent(): Omit<Intent, 'base'> {
  const reads = {
    points: [userKey('a', 1), userKey('a', 2)],
    ranges: [{ begin: userKey('b'), end: undefined }],
  };
  const key = userKey('seg', 9);
  const part = { entries: 1, tombstones: 0, firstKey: key, lastKey: key };
  const operand = encodeValue(1);
  const small: AnnouncedTransaction = {
    readVersion: 17,
    nowMs: START_MS,
    reads,
    rangeDeletes: [only(userKey('q')), only(userKey('r'))],
    changes: [
      set(userKey('i', 1), 'set'),
      set(userKey('i', 2), 'expires', LATE_MS),
      deleted(userKey('i', 3)),
      {
        key: userKey('i', 4),
        value: encodeStream({ length: 0, parts: [] }),
        stream: true,
        expiresMs: LATE_MS,
      },
      {
        key: userKey('i', 5),
        mutations: (['add', 'max', 'min'] as const).map((kind) => ({ kind, operand })),
      },
    ],
  };
  const bulk = {
    kind: 'bulk',
    segments: [segmentOf(1), segmentOf(2, { earliestExpiryMs: LATE_MS })],
  } as const;
  const stream = { kind: 'stream', segments: [segmentOf(3, part), segmentOf(4, part)] } as const;
  const descriptor = { length: 10_000_000, parts: stream.segments.map(({ id }) => id) };
  const flushed = segmentOf(5, { minVersion: 13, maxVersion: 15 });
  const ranged = { ranges: 1, rangeBegin: userKey('seg', 7), rangeEnd: userKey('seg', 8) };
  return {
    ...intentOf([
      small,
      { ...small, staged: bulk, rangeDeletes: [], changes: [] },
      {
        ...small,
        staged: stream,
        rangeDeletes: [],
        changes: [{ key, value: encodeStream(descriptor), stream: true }],
      },
    ]),
    flush: {
      after: 11,
      through: 16,
      runs: [
        [flushed, { ...flushed, ...segmentOf(6), minVersion: 13, maxVersion: 15 }],
        [{ ...segmentOf(7), ...ranged, minVersion: 12, maxVersion: 12 }],
      ],
    },
  };
}
