/**
 * A small database that uses every field of format 2, written by core's encoders rather than by the engine: what the
 * engine does not write yet is in it too. And what its state is meant to be, kept by a list of keys that knows nothing
 * of carries, segments or ranges.
 *
 * Its records, in short: 2 and 3 write and delete ranges, 4 flushes them, 5 has a bulk run without versions of its own,
 * 6 streams, 7 and 9 decide intents and 7 gives turns, 8 moves runs to levels 1, 2 and 254, 9 retires the first epoch, 11 deletes nothing but
 * ranges, 12 flushes it to a segment without entries, 13 and 15 are holders, 17 is the newest. Two intents are out.
 */
import { encodeStream, encodeValue, type Write } from '@holdfast/core';
import { announced, everyIntent, intentOf } from './every-intent.js';
import { deleted, filled, LATE_MS, only, ownKey, range, START_MS, set, userKey } from './field-writes.js';
import type { Image } from './image-store.js';
import { Scribe, type Transaction } from './scribe.js';

export interface EveryField {
  readonly image: Image;
  /** What each version is meant to show, expired or not: a line for each key, in order. */
  readonly states: ReadonlyMap<number, readonly string[]>;
}

export async function makeEveryField(): Promise<EveryField> {
  const scribe = await Scribe.make(START_MS);
  const a = (n: number): Uint8Array => userKey('a', n);
  const write = (writes: Write[], rangeDeletes: Transaction['rangeDeletes'] = []): Transaction => ({
    writes,
    rangeDeletes,
  });

  scribe.extensions = {
    policy: { tier: 2, everyCommits: 9, anchors: [filled(1, 3), filled(64, 4)] },
    signers: [
      { publicKey: filled(32, 5), from: 1, until: 0 },
      { publicKey: filled(32, 6), from: 1, until: 7 },
    ],
    others: [{ type: 77, bytes: filled(10, 7) }],
  };
  await scribe.commit({ stores: [filled(8, 1), filled(8, 2)] });

  await scribe.commit({
    transactions: [
      write([
        ...Array.from({ length: 20 }, (_, n) => set(a(n), `a ${n}`)),
        set(userKey('gone'), 1, START_MS + 1),
        set(userKey('late'), 2, LATE_MS),
        set(ownKey('checkpoint', 'early'), { version: 1, timeMs: START_MS, hash: filled(32, 9) }),
      ]),
      write([set(userKey('b', 1), { list: [1n, 'two'] })]),
    ],
  });

  // A new epoch. Writes of the transaction of a range stay, what an earlier one wrote goes.
  await scribe.rotate();
  await scribe.commit({
    transactions: [
      write([set(a(6), 'in the range, by the same transaction')], [range(a(5), a(9))]),
      write(
        [set(a(2), 'beside a range'), deleted(a(4))],
        [range(a(8), userKey('a', 8, 1)), range(a(9), a(11)), range(userKey('x'), userKey('y'))],
      ),
      write([set(userKey('x', 1), 'after the range')]),
    ],
  });

  await scribe.flush(3);
  await scribe.commit({ transactions: [write([set(a(0), 'newer')]), write([set(a(0), 'newest')])] });

  // In pieces, and with neither versions nor orders of their own.
  const bulk = write(
    [set(userKey('bulk', 1), 'x'.repeat(70_000)), set(userKey('bulk', 2), 'small'), deleted(a(12))],
    [range(userKey('bulk'), userKey('bulk', 2)), range(userKey('late'), userKey('later'))],
  );
  await scribe.commitBulk([write([set(a(13), 'in the log')]), bulk], 1);

  const nothing = announced(write([]), 4);
  await scribe.announce(1, intentOf([nothing, nothing]));
  const parts = await scribe.parts([
    [userKey('s', 0), filled(100_000, 8)],
    [userKey('s', 1), filled(900, 9)],
  ]);
  const stream = (key: Uint8Array, length: number, ids: Uint8Array[], expiresMs?: number): Write => ({
    key,
    value: encodeStream({ length, parts: ids }),
    stream: true,
    ...(expiresMs === undefined ? {} : { expiresMs }),
  });
  await scribe.commit({
    transactions: [
      { ...write([stream(userKey('s', 0), 100_000, [parts.ids[0]!])]), bulkRun: parts.run },
      {
        ...write([
          stream(userKey('s', 1), 900, [parts.ids[1]!], LATE_MS),
          stream(userKey('s', 2), 0, []),
          stream(userKey('s', 3), 0, [], LATE_MS),
        ]),
        bulkRun: parts.run,
      },
    ],
  });

  // A writer whose clock is behind the parent's, while several are at the log.
  scribe.anchor(5);
  const collected = write([set(a(1), 'collected')], [range(userKey('y'), userKey('yy'))]);
  const count = userKey('count');
  // The count is mutated, and what comes of it is in the record.
  const mutations = [
    { kind: 'add', operand: encodeValue(5) },
    { kind: 'max', operand: encodeValue(7) },
    { kind: 'min', operand: encodeValue(9) },
  ] as const;
  const reads = { points: [a(1), a(2)], ranges: [{ begin: a(9), end: a(14) }] };
  const wins = announced(collected, 6, reads);
  const loses = announced(write([set(a(0), 'lost')]), 3, { points: [a(0)], ranges: [] });
  const changes = [...wins.changes, { key: count, mutations }];
  await scribe.announce(2, intentOf([{ ...wins, changes }, loses]));
  scribe.decide(2, [{ kind: 'committed', order: 0 }, { kind: 'conflict' }]);
  await scribe.commit({
    behindMs: 5000,
    contended: true,
    successor: filled(16, 11),
    turns: [
      { processId: filled(16, 12), waitMs: 250, reads: { points: [a(0), a(1)], ranges: [only(a(3))] } },
      {
        processId: filled(16, 13),
        waitMs: 60_000,
        reads: { points: [], ranges: [{ begin: a(5), end: undefined }] },
      },
    ],
    transactions: [{ ...collected, writes: [...collected.writes, set(count, 7)] }],
  });

  await scribe.compact([1, 2, 254]);
  await scribe.commit({});

  await scribe.retire(1);
  await scribe.announce(2, intentOf([nothing]));
  scribe.decide(1, [{ kind: 'already' }, { kind: 'void' }]);
  scribe.decide(2, [{ kind: 'conflict' }]);
  await scribe.commit({ transactions: [write([set(a(3), 'after the rotation')])] });

  await scribe.flush(9);
  await scribe.commit({});
  await scribe.commit({
    transactions: [write([], [range(a(14), a(16)), range(userKey('b'), userKey('c'))])],
  });
  await scribe.flush(11);
  await scribe.commit({});

  // The tail: two holders, and a carry behind the second.
  await scribe.commit({
    holds: true,
    transactions: [
      write([set(a(14), 'back'), set(a(17), 'new'), set(userKey('t'), 'held', LATE_MS)]),
      write([deleted(a(18)), set(ownKey('request', 'request 1'), { digest: filled(32, 1), result: 1 })]),
    ],
  });
  scribe.forget(1);
  await scribe.commit({
    contended: true,
    transactions: [write([set(a(15), 'short')], [range(a(14), a(18))])],
  });
  await scribe.commit({
    holds: true,
    transactions: [write([set(a(16), 'held')], [only(a(15)), range(userKey('s', 1), userKey('s', 2))])],
  });
  await scribe.commit({
    transactions: [
      write([set(userKey('z'), 'last'), set(userKey('t'), 'held no more')], [only(a(16))]),
      write([set(a(16), 'last'), set(userKey('soon'), 1, LATE_MS)]),
    ],
  });
  await scribe.commit({
    transactions: [write([set(a(19), 'last')], [range(userKey('z'), userKey('zz'))])],
  });
  await scribe.announce(2, everyIntent());
  await scribe.announce(3, intentOf([announced(write([set(a(19), 'announced')]), 17)]));
  return { image: scribe.image(), states: scribe.states };
}
