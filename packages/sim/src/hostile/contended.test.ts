/**
 * Several processes at one log, some of whose transactions are carried by others: what they announce is what is carried,
 * the engine reads it as the second reader does, and what is wrong with an intent's object costs nobody a commit.
 */
import { type Database, openDatabase, type Transaction } from '@holdfast/mvcc';
import type { Clock } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { Random } from '../world/random.js';
import { checkCarried } from './carried-rules.js';
import { IdleClock } from './clock.js';
import { FarStore } from './far-store.js';
import { Model } from './model.js';
import { rebuild, segmentsAsTheyAre } from './rebuild.js';
import { ROOT_KEY } from './reference.js';
import { changesOf, stateOf } from './truth.js';
import { hex, type OpenedIntent, openIntent, openWorld, type World } from './world.js';

const WRITERS = 5;
const TRANSACTIONS = 12;

/** What the processes have been told. */
interface Told {
  increments: number;
  added: number;
}

async function write(db: Database, clock: Clock, random: Random, told: Told): Promise<void> {
  const key = (): [string, number] => ['k', random.below(12)];
  for (let left = TRANSACTIONS; left > 0; left--) {
    if (random.chance(0.2)) await clock.sleep(random.below(300));
    const kind = random.below(7);
    if (kind === 0) {
      await db.transact(async (tx) => {
        const count = ((await tx.get(['count'])) as number | undefined) ?? 0;
        tx.set(['count'], count + 1);
      });
      told.increments++;
    } else if (kind === 1) {
      await db.add(['sum'], 1);
      told.added++;
    } else if (kind === 2) {
      const large = 'x'.repeat(400_000);
      await db.transact((tx) => {
        for (let n = 0; n < 4; n++) tx.set(['large', n], large);
        if (random.chance(0.5)) tx.deleteRange({ prefix: ['k'] });
      });
    } else if (kind === 3)
      await db.setStream(['stream', random.below(2)], [random.bytes(random.pick([0, 900]))]);
    else
      await db.transact(async (tx: Transaction) => {
        const seen: unknown[] = [];
        if (random.chance(0.5))
          for await (const { value } of tx.list({ gte: ['k', 3], lt: ['k', 6] })) seen.push(value);
        if (random.chance(0.3)) seen.push(await tx.get(key()));
        tx.max(['high'], random.below(100));
        if (random.chance(0.3)) tx.deleteRange({ gte: key(), lt: ['k', 9] });
        tx.set(key(), seen.length, random.chance(0.2) ? { expireInMs: 1 + random.below(3000) } : {});
        if (random.chance(0.2)) tx.delete(key());
      });
    if (random.chance(0.05)) await db.flush();
  }
}

interface Made {
  readonly model: Model;
  readonly world: World;
  readonly intents: ReadonlyMap<string, OpenedIntent>;
  readonly told: Told;
  readonly store: FarStore;
  readonly clock: IdleClock;
}

async function run(seed: number, isFaulty: boolean): Promise<Made> {
  const random = new Random(seed, 'contended');
  const clock = new IdleClock();
  const store = new FarStore(clock, new Random(seed, 'the store'), isFaulty);
  const told: Told = { increments: 0, added: 0 };
  const settled = await clock.settle(async () => {
    const open = (): Promise<Database> =>
      openDatabase(store, { key: ROOT_KEY, clock, random: random.bytes, maintenance: 'manual' });
    const first = await open();
    const dbs = [first, ...(await Promise.all(Array.from({ length: WRITERS - 1 }, open)))];
    await Promise.all(dbs.map((db, i) => write(db, clock, new Random(seed, `writer ${i}`), told)));
    for (const db of dbs) await db.close();
  });
  expect(settled).toEqual({ value: undefined });
  const log = new Map([...store.objects()].filter(([name]) => !name.startsWith('int/')));
  const world = await openWorld(log);
  const model = new Model(await rebuild(world, {}), await segmentsAsTheyAre(world));
  const intents = new Map<string, OpenedIntent>();
  for (const [name, bytes] of store.intents) intents.set(name, await openIntent(world.keys, name, bytes));
  return { model, world, intents, told, store, clock };
}

/** Intents that another process than their own has carried. */
function carriedByOthers({ world, intents }: Made): number {
  return world.records.reduce((sum, { version, body }) => {
    const carried = body.decided.filter(({ writerId, k, version: at, hash }) => {
      const intent = intents.get(`int/${hex(writerId)}/${k}`);
      return (
        at === version &&
        hex(intent!.hash) === hex(hash) &&
        hex(intent!.content.processId) !== hex(body.writerId)
      );
    });
    return sum + carried.length;
  }, 0);
}

async function expectRead({ model, told, store, clock }: Made): Promise<void> {
  const settled = await clock.settle(async () => {
    const db = await openDatabase(store, { key: ROOT_KEY, clock, readOnly: true });
    expect([await db.get(['count']), await db.get(['sum'])]).toEqual([told.increments, told.added]);
    for (let version = 2; version <= db.version; version += 7) {
      const lines = [...model.state(version).values()].flat().filter((line) => line !== undefined);
      expect([version, await stateOf(await db.snapshot({ at: version }))]).toEqual([version, lines.sort()]);
      expect([version, await changesOf(db, clock, version)]).toEqual([version, model.changes(version)]);
    }
    return db.verify({ deep: true });
  });
  expect(settled).toMatchObject({ value: { ok: true } });
}

describe('several processes at one log', { timeout: 120_000 }, () => {
  test.each([1, 4])('carry what the others have announced, and nothing else: seed %i', async (seed) => {
    const made = await run(seed, false);
    made.model.check([], 2);
    made.model.checkContinuity();
    expect(checkCarried(made.model, made.intents)).toBeGreaterThan(10);
    expect(carriedByOthers(made)).toBeGreaterThan(5);
    await expectRead(made);
  });

  test('get their commits by carrying their intents themselves, where the store shows them changed', async () => {
    const made = await run(2, true);
    made.model.check([], 2);
    made.model.checkContinuity();
    expect(checkCarried(made.model, made.intents)).toBeGreaterThan(5);
    expect(carriedByOthers(made)).toBe(0);
    await expectRead(made);
  });
});
