/**
 * Transactions that one database announces and another carries: each counts once, whatever becomes of the object that
 * announces it, and its caller is told the truth (decision 0021).
 */
import { toHex } from '@holdfast/core';
import { StoreError } from '@holdfast/object-store';
import { seededRandom } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { increment, isIntent, isLog, type Rival, Rivals, ROUND_TRIP_MS } from './support/rivals.js';

let rivals: Rivals;
let leader: Rival;
let other: Rival;
beforeEach(async () => {
  rivals = new Rivals();
  [leader, other] = await rivals.contended();
});

/** How often records say of each intent that it is decided. */
async function timesDecided(): Promise<number[]> {
  await rivals.run(leader.db.get('n'));
  const times = new Map<string, number>();
  for (const { writerId, k } of await rivals.decided(leader.db.version)) {
    const name = `${toHex(writerId)}/${k}`;
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  return [...times.values()];
}
const hide = (rival: Rival): void => {
  rival.faults.hide(isIntent);
};

describe('an intent counts once', () => {
  test('carried by another: its writer is told where it stands', async () => {
    const { version } = await rivals.busyUntil(leader, other.db.set('x', 'carried'));
    expect((await rivals.record(version)).body.writerId).toEqual((await rivals.record(2)).body.writerId);
    expect(other.events.filter(({ type }) => type === 'carried')).toMatchObject([
      { version, transactions: 1 },
    ]);
    expect(await rivals.run(other.db.get('x'))).toBe('carried');
    expect(other.db.stats()).toMatchObject({ announced: 1, commits: 0, transactions: 1 });
    expect(leader.db.stats().carried).toBe(2);
  });

  test('carried by its own writer, while a record of another that carries it is on its way', async () => {
    const { told } = await rivals.announced(other, () => other.db.transact(increment));
    // One that has found it, and the next one.
    await rivals.busy(leader, 1);
    leader.gate.shut();
    const mine = leader.db.set('busy', 'late');
    await rivals.run(leader.gate.waitForPending(1));
    const opened = [other, leader].map(({ gate }, i) => (i === 0 ? gate.open() : undefined));
    await rivals.run(told);
    await rivals.run(Promise.all([mine, leader.gate.open(), ...opened]));
    expect(await rivals.count()).toBe(1);
    expect(new Set(await timesDecided())).toEqual(new Set([1]));
  });

  test('carried by another, while a record of its own writer that carries it is on its way', async () => {
    hide(leader);
    other.gate.shut();
    const told = other.db.transact(increment);
    await rivals.run(other.gate.waitForPending(1));
    leader.faults.clear();
    for (let n = 0; n < 8; n++) await rivals.busy(leader, 1);
    const opened = other.gate.open();
    await rivals.run(told);
    await rivals.run(opened);
    expect(await rivals.count()).toBe(1);
    expect(new Set(await timesDecided())).toEqual(new Set([1]));
  });

  test('shown again after it was decided, in whatever order, it counts nowhere', async () => {
    for (let n = 0; n < 3; n++) await rivals.busyUntil(leader, other.db.add('n', 1));
    expect(rivals.server.intents.size).toBeGreaterThan(3);
    for (const [name, bytes] of [...rivals.server.intents].reverse()) {
      await rivals.server.put(name, bytes);
      await rivals.busy(leader, 4);
    }
    await rivals.lead(other, leader);
    await rivals.busy(other, 4);
    expect(await rivals.count()).toBe(3);
    expect(new Set(await timesDecided())).toEqual(new Set([1]));
  });

  test('a late copy of it, after the writer has gone on with others, counts nowhere', async () => {
    const late = async (work: Promise<unknown>): Promise<[string, Uint8Array]> => {
      await rivals.busyUntil(leader, work);
      return [...rivals.server.intents].at(-1)!;
    };
    const copies = [
      await late(other.db.add('n', 1)),
      await late(other.db.add('n', 1)),
      await late(other.db.add('n', 1)),
    ];
    await rivals.server.delete(rivals.intents());
    for (const [name, bytes] of copies) {
      await rivals.server.put(name, bytes);
      await rivals.busyUntil(leader, other.db.add('n', 1));
    }
    expect(await rivals.count()).toBe(6);
  });
});

describe('who announces', () => {
  test('is not acknowledged because the intent lies there', async () => {
    hide(leader);
    const { told } = await rivals.announced(other, () => other.db.transact(increment));
    let ended = false;
    told.finally(() => {
      ended = true;
    });
    await rivals.clock.advance(5_000);
    expect([rivals.intents().includes(rivals.lastName), ended, await rivals.count()]).toEqual([
      true,
      false,
      0,
    ]);
    const opened = other.gate.open();
    await rivals.run(told);
    await rivals.run(opened);
    expect(await rivals.count()).toBe(1);
  });

  test('carries it itself where nobody does, after some silence', async () => {
    const began = rivals.clock.monotonic();
    const { version } = await rivals.run(other.db.transact(increment).then(() => ({ version: 0 })));
    expect(version).toBe(0);
    expect(rivals.clock.monotonic() - began).toBeLessThan(10 * ROUND_TRIP_MS);
    expect(await rivals.count()).toBe(1);
    expect(other.db.stats()).toMatchObject({ announced: 1, commits: 1, transactions: 1 });
  });

  test('carries it itself where it is hidden from whoever makes the records', async () => {
    hide(leader);
    await rivals.busyUntil(leader, other.db.transact(increment));
    expect(await rivals.count()).toBe(1);
  });

  test('sends no record of its own while those of others come faster than it can', async () => {
    // So that no record says that others are about: then it would wait in any case.
    hide(leader);
    await rivals.busy(leader, 8);
    const far = await rivals.open({}, 8 * ROUND_TRIP_MS);
    const before = rivals.server.intents.size;
    const told = far.db.set('far', 1);
    while (rivals.server.intents.size === before) await rivals.busy(leader, 1);
    const { rebases } = far.db.stats();
    await rivals.busy(leader, 60);
    // Each would have lost its slot.
    expect(far.db.stats()).toMatchObject({ announced: 1, rebases, commits: 0 });
    leader.faults.clear();
    await rivals.busyUntil(leader, told);
    expect(far.db.stats()).toMatchObject({ rebases, commits: 0, transactions: 1 });
  });

  test('decides it with each record of its own, along with what came later', async () => {
    hide(leader);
    const { told } = await rivals.announced(other, () => other.db.add('n', 1));
    const later = other.db.add('n', 1);
    const opened = other.gate.open();
    const versions = await rivals.run(Promise.all([told, later]));
    await rivals.run(opened);
    const { body } = await rivals.record(versions[0].version);
    expect(versions[1].version).toBe(versions[0].version);
    expect(body.transactions).toHaveLength(2);
    expect(body.intents.decided.some(({ version }) => version === versions[0].version)).toBe(true);
    expect(await rivals.count()).toBe(2);
  });

  test('has no more than one intent out', async () => {
    hide(leader);
    const all = Array.from({ length: 5 }, () => other.db.add('n', 1));
    await rivals.clock.advance(ROUND_TRIP_MS);
    all.push(other.db.add('n', 1));
    await rivals.run(Promise.all(all));
    expect(await rivals.count()).toBe(6);
    expect(other.db.stats().announced).toBeLessThanOrEqual(2);
  });

  test('numbers its intents one after the other, under one id', async () => {
    for (let n = 0; n < 4; n++) await rivals.run(other.db.add('n', 1));
    const names = [...rivals.server.intents.keys()].slice(1);
    expect(new Set(names.map((name) => name.split('/')[1])).size).toBe(1);
    expect(names.map((name) => name.split('/')[2])).toEqual(names.map((_, i) => String(i + 1)));
  });

  test('removes what is over when it is closed', async () => {
    for (let n = 0; n < 3; n++) await rivals.busyUntil(leader, other.db.add('n', 1));
    expect(rivals.intents().length).toBeGreaterThan(1);
    await rivals.run(Promise.all([leader.db.close(), other.db.close()]));
    // A stranger's.
    expect(rivals.intents()).toEqual([[...rivals.server.intents.keys()][0]]);
  });

  test('runs again on a conflict, as its next intent', async () => {
    let runs = 0;
    const work = other.db.transact(async (tx) => {
      runs++;
      await increment(tx);
    });
    const before = rivals.server.intents.size;
    while (rivals.server.intents.size === before) await rivals.clock.advance(1);
    await rivals.run(leader.db.transact(increment));
    await rivals.busyUntil(leader, work);
    expect(runs).toBeGreaterThan(1);
    expect(await rivals.count()).toBe(2);
  });
});

describe('clones: two databases with the same random source', () => {
  test('commit each their own, once', async () => {
    const clones = [
      await rivals.open({ random: seededRandom(42) }),
      await rivals.open({ random: seededRandom(42) }),
    ];
    for (const { db } of clones) await rivals.run(db.get('n'));
    for (let round = 0; round < 4; round++) {
      await rivals.lead(leader, clones[0]!);
      await rivals.run(clones[1]!.db.get('n'));
      const all = Promise.all(clones.map(({ db }, i) => db.add(['by', i], 1)));
      await rivals.busyUntil(leader, all);
      const same = Promise.all(clones.map(({ db }) => db.transact(increment)));
      await rivals.busyUntil(leader, same);
    }
    expect(await rivals.count()).toBe(8);
    for (const i of [0, 1]) expect(await rivals.run(leader.db.get(['by', i]))).toBe(4);
    expect(new Set(await timesDecided())).toEqual(new Set([1]));
  });
});

test.each([1, 2, 3])('whatever becomes of the objects, each commit counts once (%i)', async (seed) => {
  const random = seededRandom(seed);
  const below = (n: number): number => random(1)[0]! % n;
  const all = [leader, other, await rivals.open(), await rivals.open()];
  let acknowledged = 0;
  let over = false;
  const work = all.map(async ({ db }) => {
    for (let n = 0; n < 10; n++) {
      await db.transact(increment);
      acknowledged++;
      if (below(3) === 0) await rivals.clock.sleep(below(4) * ROUND_TRIP_MS);
    }
  });
  const befall = async (): Promise<void> => {
    while (!over) {
      await rivals.clock.sleep(below(60));
      const known = [...rivals.server.intents];
      const [name, bytes] = known[below(known.length)]!;
      const { faults } = all[below(all.length)]!;
      await [
        () => rivals.server.delete([name]),
        () => rivals.server.put(name, bytes),
        async () => void faults.hide(isIntent),
        async () => void faults.mutate(isIntent, (whole) => whole.fill(1, 130, 140)),
        async () => void faults.loseResponseAfter('put', { when: isIntent }),
        async () => void faults.failBefore('put', { when: isIntent }),
        async () => void faults.loseResponseAfter('put', { when: isLog }),
        async () => faults.clear(),
        async () => faults.clear(),
      ][below(9)]!();
    }
  };
  const befalling = befall();
  await rivals.run(Promise.all(work));
  over = true;
  await rivals.run(befalling);
  expect(acknowledged).toBe(40);
  expect(await rivals.count()).toBe(40);
  expect(new Set(await timesDecided())).toEqual(new Set([1]));
});

describe('where names under int/ are', () => {
  const kinds = ['get', 'put', 'list', 'delete'] as const;
  type How = (rival: Rival) => void;
  const refused: How = ({ faults }) => {
    for (const kind of kinds)
      faults.failBefore(kind, {
        when: isIntent,
        times: Number.POSITIVE_INFINITY,
        error: new StoreError('DENIED', 'Not under this prefix.'),
      });
  };
  const unavailable: How = ({ faults }) => {
    for (const kind of kinds) faults.failBefore(kind, { when: isIntent, times: Number.POSITIVE_INFINITY });
  };
  const hung: How = ({ faults }) => {
    for (const kind of kinds) faults.hang(kind, { when: isIntent, times: Number.POSITIVE_INFINITY });
  };

  test.each<[string, How, ('leader' | 'other')[]]>([
    ['refused to all', refused, ['leader', 'other']],
    ['refused to who makes records', refused, ['leader']],
    ['refused to the others', refused, ['other']],
    ['out of reach', unavailable, ['leader', 'other']],
    ['never answered', hung, ['leader', 'other']],
    ['never answered to who makes records', hung, ['leader']],
    ['never answered to the others', hung, ['other']],
  ])('%s, commits go on', async (_, how, whom) => {
    for (const who of whom) how(who === 'leader' ? leader : other);
    for (let n = 0; n < 3; n++) {
      const began = rivals.clock.monotonic();
      await rivals.run(other.db.transact(increment));
      await rivals.busyUntil(leader, other.db.transact(increment));
      await rivals.run(leader.db.transact(increment));
      expect(rivals.clock.monotonic() - began).toBeLessThan(100 * ROUND_TRIP_MS);
    }
    expect(await rivals.count()).toBe(9);
    const closed = [leader, other].map(({ db }) => db.close());
    await rivals.run(Promise.all(closed));
  });
});

test('when the others are gone a commit is one request again', async () => {
  for (let i = 0; i < 6; i++) await rivals.run(leader.db.set('busy', i));
  const before = leader.db.traffic().snapshot();
  await rivals.run(leader.db.set('busy', 'alone'));
  expect((await rivals.record(leader.db.version)).body.contended ?? false).toBe(false);
  const { requests } = leader.db.traffic().since(before);
  expect(requests).toMatchObject({ write: 1, list: 0, read: 0 });
});
