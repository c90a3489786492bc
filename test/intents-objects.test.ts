/**
 * What lies under int/ is anybody's: whatever is wrong with it, it is as good as absent, commits go on beside it, and
 * whoever has announced it carries it itself.
 */
import {
  encodeValue,
  INTENT_BYTES_MAX,
  type Intent,
  intentName,
  type SegmentDescriptor,
} from '@holdfast/core';
import { seededRandom } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { isIntent, type Rival, Rivals, ROUND_TRIP_MS, storedKey } from './support/rivals.js';

let rivals: Rivals;
let leader: Rival;
let other: Rival;
beforeEach(async () => {
  rivals = new Rivals();
  [leader, other] = await rivals.contended();
});

/** Commits of both, in a bounded time; each counts once. */
async function commitsGoOn(): Promise<void> {
  const began = rivals.clock.monotonic();
  const before = (await rivals.run(leader.db.get<number>('n'))) ?? 0;
  await rivals.busyUntil(leader, other.db.add('n', 1), 4 * ROUND_TRIP_MS);
  await rivals.run(other.db.add('n', 1));
  await rivals.run(leader.db.add('n', 1));
  expect(await rivals.run(leader.db.get('n'))).toBe(before + 3);
  expect(rivals.clock.monotonic() - began).toBeLessThan(60 * ROUND_TRIP_MS);
}

describe('what does not authenticate is as good as absent:', () => {
  const flip = (bytes: Uint8Array): Uint8Array => {
    bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  };
  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['a byte changed', flip],
    ['cut short', (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['nothing in it', () => new Uint8Array(0)],
    ['an envelope alone', (bytes) => bytes.subarray(0, 116)],
    ['more behind it', (bytes) => Uint8Array.from([...bytes, 0])],
    ['another object', () => new Uint8Array(300).fill(7)],
  ])('%s', async (_, spoil) => {
    leader.faults.mutate(isIntent, spoil);
    await commitsGoOn();
    // Read as it is, it counts as ever.
    leader.faults.clear();
    await commitsGoOn();
    expect(leader.db.stats().carried).toBe(1 + other.events.filter(({ type }) => type === 'carried').length);
  });

  test('longer than an intent is', async () => {
    const name = intentName(new Uint8Array(16).fill(1), 1);
    await rivals.server.put(name, new Uint8Array(INTENT_BYTES_MAX + 1));
    await commitsGoOn();
  });

  test('one that goes on without end', async () => {
    leader.faults.endlessBody({ when: isIntent, times: Number.POSITIVE_INFINITY });
    await commitsGoOn();
  });

  test('another database’s', async () => {
    const elsewhere = new Rivals();
    const stranger = await elsewhere.open({ random: seededRandom(77) });
    const { bytes, writerId, k } = await elsewhere.announce({
      base: stranger.db.version,
      transactions: [elsewhere.write('stolen', 1)],
    });
    await rivals.server.put(intentName(writerId, k), bytes);
    await commitsGoOn();
    expect(await rivals.run(leader.db.get('stolen'))).toBeUndefined();
  });

  test('its own under another name', async () => {
    const { bytes, writerId } = await rivals.announce({
      base: leader.db.version,
      transactions: [rivals.write('once', 1)],
    });
    await rivals.server.put(intentName(writerId, 2), bytes);
    await rivals.server.put(
      intentName(
        writerId.map((byte) => byte ^ 1),
        1,
      ),
      bytes,
    );
    await rivals.busy(leader, 8);
    const decided = await rivals.decided(leader.db.version);
    expect(decided.filter(({ writerId: id }) => id[0] === writerId[0])).toHaveLength(1);
    expect(await rivals.run(leader.db.get('once'))).toBe(1);
  });
});

describe('what a key holder announces wrongly harms nobody:', () => {
  type Announced = Omit<Partial<Intent>, 'base' | 'transactions'> & Pick<Intent, 'transactions'>;
  const key = storedKey('bad');
  const segment = (n: number): SegmentDescriptor => ({
    id: new Uint8Array(24).fill(n, 8),
    bytes: 500,
    metaBytes: 100,
    root: new Uint8Array(32).fill(n),
    epoch: 0,
    minVersion: 0,
    maxVersion: 0,
    entries: 1,
    tombstones: 0,
    ranges: 0,
    rangeBegin: new Uint8Array(0),
    rangeEnd: new Uint8Array(0),
    earliestExpiryMs: 0,
    firstKey: storedKey(['seg', n]),
    lastKey: storedKey(['seg', n]),
  });
  const cases: [string, () => Announced][] = [
    ['nothing', () => ({ transactions: [] })],
    [
      'a mutation by a text',
      () => ({
        transactions: [
          {
            ...rivals.write('bad', 1),
            changes: [{ key, mutations: [{ kind: 'add', operand: encodeValue('x') }] }],
          },
        ],
      }),
    ],
    [
      'an operand that is no value',
      () => ({
        transactions: [
          {
            ...rivals.write('bad', 1),
            changes: [{ key, mutations: [{ kind: 'max', operand: Uint8Array.of(0xc1) }] }],
          },
        ],
      }),
    ],
    [
      'a mutation of what is no number',
      () => ({
        transactions: [
          {
            ...rivals.write('bad', 1),
            changes: [
              { key: storedKey('text'), mutations: [{ kind: 'add', operand: encodeValue(1) }] },
              { key, value: encodeValue(1) },
            ],
          },
        ],
      }),
    ],
    [
      'two large transactions in one',
      () => ({
        transactions: [1, 2].map((n) => ({
          ...rivals.write('bad', n),
          staged: { kind: 'bulk' as const, segments: [segment(n)] },
        })),
      }),
    ],
    [
      'reads that were overwritten',
      () => ({
        transactions: [
          { ...rivals.write('bad', 1), reads: { points: [storedKey('busy')], ranges: [] }, readVersion: 1 },
        ],
      }),
    ],
    ['a flush of what was flushed', () => ({ flush: { after: 0, through: 1, runs: [] }, transactions: [] })],
  ];

  test.each(cases)('%s', async (_, intent) => {
    await rivals.run(leader.db.set('text', 'a text'));
    await rivals.announce({ base: leader.db.version, ...intent() });
    await rivals.busy(leader, 8);
    await commitsGoOn();
    expect(await rivals.run(leader.db.get('bad'))).toBeUndefined();
    expect((await rivals.run(leader.db.verify())).ok).toBe(true);
  });

  test('a base that is still to come: not before it has', async () => {
    const base = leader.db.version + 6;
    const { writerId } = await rivals.announce({ base, transactions: [rivals.write('later', 1)] });
    await rivals.busy(leader, 16);
    const mine = (await rivals.decided(leader.db.version)).find((one) => one.writerId[0] === writerId[0]);
    expect(mine!.version).toBeGreaterThan(base);
    expect(await rivals.run(leader.db.get('later'))).toBe(1);
  });

  test('a later number before the first: never, though it may be the first of all that it sees', async () => {
    const writerId = new Uint8Array(16).fill(5);
    await rivals.announce(
      { base: leader.db.version, transactions: [rivals.write('bad', 1)] },
      { writerId, k: 2 },
    );
    await rivals.busy(leader, 12);
    await commitsGoOn();
    expect(await rivals.run(leader.db.get('bad'))).toBeUndefined();
  });

  test('as much as an intent takes', async () => {
    const value = 'x'.repeat(200_000);
    const transactions = Array.from({ length: 10 }, (_, n) => rivals.write(['much', n], value));
    for (let n = 0; n < 3; n++) await rivals.announce({ base: leader.db.version, transactions });
    await rivals.busy(leader, 10);
    expect(await rivals.run(leader.db.count({ prefix: 'much' }))).toBe(10);
    await commitsGoOn();
  });

  test('thousands of small transactions', async () => {
    for (let i = 0; i < 3; i++)
      await rivals.announce({
        base: leader.db.version,
        transactions: Array.from({ length: 1_500 }, (_, n) => rivals.write(['many', i, n % 50], n)),
      });
    await rivals.busy(leader, 12);
    expect(await rivals.run(leader.db.count({ prefix: 'many' }))).toBe(150);
    await commitsGoOn();
  });
});

describe('a listing of int/', () => {
  test('with thousands of names that are nobody’s costs a bounded share of it, and no commit', async () => {
    for (let n = 0; n < 2_000; n++)
      await rivals.server.put(`int/${String(n).padStart(6, '0')} is no name`, Uint8Array.of(1));
    await commitsGoOn();
  });

  test('with many spent ones, whose writers were killed, is cleared away', async () => {
    for (let n = 0; n < 300; n++)
      await rivals.announce({ base: leader.db.version, transactions: [rivals.write(['by', n], n)] });
    await rivals.busy(leader, 20);
    expect(await rivals.run(leader.db.count({ prefix: 'by' }))).toBe(300);
    expect(rivals.intents().length).toBeLessThanOrEqual(256);
    await commitsGoOn();
  });

  test('of hundreds of writers that do not exist asks for a bounded number of them', async () => {
    for (let n = 0; n < 600; n++)
      await rivals.server.put(`int/${n.toString(16).padStart(32, '0')}/1`, new Uint8Array(300).fill(3));
    const asked: string[] = [];
    const get = leader.faults.get.bind(leader.faults);
    leader.faults.get = (key, options) => {
      if (isIntent(key)) asked.push(key);
      return get(key, options);
    };
    await rivals.busy(leader, 8);
    expect(asked.length).toBeLessThanOrEqual(8 * 260);
    await commitsGoOn();
  });

  test('that does not end costs no commit', async () => {
    leader.faults.endlessListing({ when: isIntent, times: Number.POSITIVE_INFINITY });
    await commitsGoOn();
  });

  test('that fails costs no commit', async () => {
    leader.faults.failBefore('list', { when: isIntent, times: Number.POSITIVE_INFINITY });
    await commitsGoOn();
  });
});
