/** Compaction beside many writers: an edit that no intent can say comes into a record soon, by a turn. */
import { defaultProvider } from '@holdfast/crypto';
import { type Database, openDatabase } from '@holdfast/mvcc';
import { expect, test } from 'vitest';
import { Machine, soundClock } from '../world/machine.js';
import { Random } from '../world/random.js';
import { World } from '../world/world.js';
import { profileOf, roundTripOf } from './latency.js';
import { RemoteConnection, RemoteStore } from './remote-store.js';

const LIMIT_MS = 3_600_000;
/** A look, reading and writing what is merged, losing twice, a turn, and the record, in round trips of the store. */
const ROUND_TRIPS_MAX = 60;

test.each([2, 8])(
  'who only compacts beside %i busy writers gets its record',
  {
    timeout: 120_000,
  },
  async (writers) => {
    const world = new World();
    const profile = profileOf('s3')!;
    const store = new RemoteStore(world, profile, undefined);
    const open = (name: string, number: number): Promise<Database> =>
      openDatabase(new RemoteConnection(store, number, new Random(1, `network of ${name}`)), {
        key: 'plaintext',
        probe: 'skip',
        maintenance: 'manual',
        compaction: { segmentBytes: 2_000, runsMax: 2 },
        clock: new Machine(world, name, soundClock).clock,
        random: new Random(1, `random of ${name}`).bytes,
        crypto: defaultProvider(),
      });
    const until = <T>(work: Promise<T>): Promise<T> => world.until(work, LIMIT_MS) as Promise<T>;

    const upkeep = await until(open('upkeep', 0));
    const databases = await until(Promise.all(Array.from({ length: writers }, (_, i) => open(`w${i}`, i))));
    let isOver = false;
    let commits = 0;
    const write = async (db: Database, i: number): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        await db.set(['k', i, n % 4], n);
        commits++;
      }
    };
    const writing = databases.map(write);
    const roundTripMs = roundTripOf(profile);
    await until(world.sleep(20 * roundTripMs));
    const took: number[] = [];
    for (let round = 0; round < 6; round++) {
      // A flush of another each time: what is merged is new.
      await until(databases[round % writers]!.flush());
      const beganMs = world.nowMs;
      const { jobs } = await until(upkeep.compact({ all: true }));
      if (jobs > 0) took.push((world.nowMs - beganMs) / roundTripMs / jobs);
    }
    isOver = true;
    await until(Promise.all(writing));
    console.info(
      `${writers} writers, ${commits} commits; ${took.map((n) => n.toFixed(0)).join(', ')} round trips`,
    );
    expect(took.length).toBeGreaterThan(2);
    expect(Math.max(...took)).toBeLessThan(ROUND_TRIPS_MAX);
  },
);
