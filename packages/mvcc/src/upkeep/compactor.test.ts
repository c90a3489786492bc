/** Compaction against a readable twin: whatever is merged, and whenever, reads and conflicts are as they were. */
import { type Clock, MemoryStore, systemClock } from '@holdfast/object-store';
import { ManualClock, RecordingStore, settled } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Committer } from '../commit/committer.js';
import { ReadSet } from '../commit/read-set.js';
import { RecordBuilder } from '../commit/record-builder.js';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';
import { userBounds, userKey } from '../reading/entry-reader.js';

let memory: MemoryStore;
let clockMs = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + clockMs };
/** Two runs are merged, into segments of about 2 KB. */
const OPTIONS = {
  key: 'plaintext',
  probe: 'skip',
  maintenance: 'manual',
  compaction: { segmentBytes: 2_048, runsMax: 2 },
  graceMs: 20_000,
  clock,
} as const;
beforeEach(() => {
  memory = new MemoryStore();
  clockMs = 0;
});

const KEYS = 16;
const PAD = 'x'.repeat(200);
const LARGE = 'y'.repeat(300_000);
/** What expires in half of it has expired for everybody after it. */
const EXPIRY_MS = 8_000_000;

type Step =
  | { readonly kind: 'set' | 'delete' | 'add' | 'expiring' | 'large' | 'stream'; key: number; by: number }
  | { readonly kind: 'deleteRange'; key: number; to: number; by: number }
  | { readonly kind: 'flush' | 'compact' | 'compactAll'; by: number }
  | { readonly kind: 'raiseFloor'; readonly back: number }
  | { readonly kind: 'wait' };

const of = (kind: Step['kind'], weight: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), key: fc.nat(KEYS - 1), by: fc.nat(1) }),
});
const steps = fc.array(
  fc.oneof(
    of('set', 8),
    of('delete', 3),
    of('add', 2),
    of('expiring', 2),
    of('large', 1),
    of('stream', 1),
    of('flush', 4),
    of('compact', 3),
    of('compactAll', 2),
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('deleteRange'),
        key: fc.nat(KEYS - 1),
        to: fc.nat(KEYS),
        by: fc.nat(1),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('raiseFloor'), back: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'wait' }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 20, maxLength: 60 },
);

/** What a key holds, since which version, and until when. */
interface Held {
  readonly value: unknown;
  readonly expiresMs?: number;
}

/** The obvious twin: a map, and when each key was written last. */
class Twin {
  readonly held = new Map<number, Held>();
  readonly writtenAt = new Map<number, number>();
  readonly #states: { version: number; shown: unknown[] }[] = [];

  write(key: number, held: Held | undefined, version: number): void {
    if (held) this.held.set(key, held);
    else this.held.delete(key);
    this.writtenAt.set(key, version);
  }

  shown(): unknown[] {
    const now = clock.now();
    return [...this.held]
      .filter(([, { expiresMs }]) => expiresMs === undefined || expiresMs > now)
      .sort(([a], [b]) => a - b)
      .map(([key, { value }]) => [['k', key], value]);
  }

  remember(version: number): void {
    this.#states.push({ version, shown: this.shown() });
  }

  /** Of versions whose records say what was there then. */
  at(version: number): unknown[] | undefined {
    return this.#states.findLast((state) => state.version <= version)?.shown;
  }
}

const bytesOf = (key: number, version: number): Uint8Array => new Uint8Array(1_000).fill(key + version);

async function show(source: Pick<Database, 'list' | 'getStream'>): Promise<unknown[]> {
  const shown: unknown[] = [];
  for await (const { key, value } of source.list({ prefix: ['k'] })) {
    const isStream = typeof value === 'object' && value !== null && 'bytes' in value;
    const read = isStream && (await source.getStream(key));
    shown.push([key, read ? [...new Uint8Array(await new Response(read).arrayBuffer())].slice(0, 4) : value]);
  }
  return shown;
}

/** By a record, as collection does before it deletes anything. */
async function raiseFloor(floor: number): Promise<void> {
  const { context, log, tip } = await openParts(memory, OPTIONS);
  const builder = new RecordBuilder(context, context.random(16), undefined);
  await new Committer(context, log, tip, builder, 60_000).publish({
    applyTo: (state) => (state.floor >= floor ? 'stale' : { ...state, floor }),
  });
}

async function take(step: Step, dbs: readonly Database[], twin: Twin): Promise<void> {
  if (step.kind === 'wait') {
    clockMs += EXPIRY_MS;
    return;
  }
  if (step.kind === 'raiseFloor') {
    // Who was away for longer than the floor allows could not say what became of its commits.
    for (const db of dbs) await db.get('newest');
    const newest = dbs[0]!.version;
    return raiseFloor(Math.max(1, newest - step.back));
  }
  const db = dbs[step.by]!;
  if (step.kind === 'flush') return void (await db.flush());
  if (step.kind === 'compact') return void (await db.compact());
  if (step.kind === 'compactAll') return void (await db.compact({ all: true }));
  const key = ['k', step.key];
  if (step.kind === 'deleteRange') {
    const { version } = await db.deleteRange({ gte: key, lt: ['k', step.to] });
    for (let i = step.key; i < step.to; i++) twin.write(i, undefined, version);
  } else if (step.kind === 'delete') {
    twin.write(step.key, undefined, (await db.delete(key)).version);
  } else if (step.kind === 'add') {
    const alive = twin.shown().find((one) => (one as [unknown[]])[0][1] === step.key) as
      | [unknown, unknown]
      | undefined;
    if (alive && typeof alive[1] !== 'number') return;
    // What it is added to is looked at first: of another's write a blind one may hear too late.
    await db.get(key);
    const { version } = await db.add(key, 1);
    twin.write(step.key, { value: ((alive?.[1] as number | undefined) ?? 0) + 1 }, version);
  } else if (step.kind === 'expiring') {
    const expiresMs = clock.now() + EXPIRY_MS / 2;
    const { version } = await db.set(key, PAD, { expireAt: new Date(expiresMs) });
    twin.write(step.key, { value: PAD, expiresMs: Math.floor(expiresMs) }, version);
  } else if (step.kind === 'stream') {
    const bytes = bytesOf(step.key, db.version);
    const { version } = await db.setStream(key, [bytes]);
    twin.write(step.key, { value: [...bytes.subarray(0, 4)] }, version);
  } else {
    const value = step.kind === 'large' ? LARGE : `${PAD}${step.key}`;
    let version = 0;
    if (step.kind === 'large')
      await db.transact((tx) => {
        for (const i of [step.key, (step.key + 1) % KEYS]) tx.set(['k', i], value);
      });
    else version = (await db.set(key, value)).version;
    version ||= db.version;
    twin.write(step.key, { value }, version);
    if (step.kind === 'large') twin.write((step.key + 1) % KEYS, { value }, version);
  }
  twin.remember(db.version);
}

test('over random histories, reads, old versions and conflicts are as if nothing was merged', {
  timeout: 120_000,
}, async () => {
  let [merged, fewer] = [0, 0];
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(20), async (history, back) => {
      memory = new MemoryStore();
      clockMs = 0;
      const dbs = [await openDatabase(memory, OPTIONS), await openDatabase(memory, OPTIONS)];
      const { tip } = await openParts(memory, OPTIONS);
      const twin = new Twin();
      for (const step of history) {
        await take(step, dbs, twin);
        if (step.kind !== 'compact' && step.kind !== 'compactAll') continue;
        expect(await show(await openDatabase(memory, OPTIONS))).toEqual(twin.shown());
        const view = await tip.follow();
        const since = Math.max(view.version - back, view.floor - 1);
        for (let i = 0; i < KEYS; i++) {
          const reads = new ReadSet();
          reads.addPoint(userKey(['k', i]).stored);
          const isWritten = (twin.writtenAt.get(i) ?? 0) > since;
          expect([i, since, await reads.isOverwrittenIn(view, since)]).toEqual([i, since, isWritten]);
        }
        const all = new ReadSet();
        all.addRange(userBounds({ prefix: ['k'] }));
        const isAnyWritten = Math.max(0, ...twin.writtenAt.values()) > since;
        expect(await all.isOverwrittenIn(view, since)).toBe(isAnyWritten);
      }
      for (const db of dbs) expect(await show(db)).toEqual(twin.shown());
      const fresh = await openDatabase(memory, OPTIONS);
      expect((await fresh.verify({ deep: true })).problems).toEqual([]);
      for (const db of dbs) {
        merged += db.stats().compactions;
        fewer += db.stats().compactionReadBytes > db.stats().compactedBytes ? 1 : 0;
      }
    }),
    { numRuns: 12 },
  );
  expect(merged).toBeGreaterThan(25);
  expect(fewer).toBeGreaterThan(5);
});

describe('compact()', () => {
  test('leaves one run, of what is there', async () => {
    const db = await openDatabase(memory, OPTIONS);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 40; i++) await db.set(['k', i], `${PAD}${round}`);
      await db.flush();
    }
    const before = db.stats();
    expect(await db.compact({ all: true })).toMatchObject({ dropped: 0 });
    const after = db.stats();
    expect(after.levels).toMatchObject([{ level: 254, runs: 1, entries: 40 }]);
    expect(after.amplification).toMatchObject({ read: 1, space: 1 });
    expect(after.segmentBytes).toBeLessThan(before.segmentBytes / 4);
    expect(await db.count({ prefix: 'k' })).toBe(40);
    expect(await db.compact({ all: true })).toMatchObject({ jobs: 0 });
  });

  test('beside nine others on one database: what is disjoint is merged by several, and nothing is lost', async () => {
    const dbs = await Promise.all(Array.from({ length: 10 }, () => openDatabase(memory, OPTIONS)));
    for (let round = 0; round < 4; round++) {
      await dbs[round]!.transact((tx) => {
        for (let i = 0; i < 200; i++) tx.set(['k', i], `${PAD}${round}`);
      });
      await dbs[round]!.flush();
    }
    let isOver = false;
    const writing = (async () => {
      for (let i = 0; !isOver && i < 500; i++) {
        await dbs[0]!.set(['late', i % 20], i);
        if (i % 10 === 0) await dbs[0]!.flush();
      }
    })();
    const reports = await Promise.all(dbs.map((db) => db.compact({ all: true })));
    isOver = true;
    await writing;
    await dbs[1]!.compact({ all: true });
    expect(reports.reduce((sum, { jobs }) => sum + jobs, 0)).toBeGreaterThan(0);
    const fresh = await openDatabase(memory, OPTIONS);
    const values: unknown[] = [];
    for await (const { value } of fresh.list({ prefix: ['k'] })) values.push(value);
    expect(values).toEqual(Array.from({ length: 200 }, () => `${PAD}3`));
    expect((await fresh.verify({ deep: true })).problems).toEqual([]);
  });

  test('ends with its signal, and has lost nothing', async () => {
    const db = await openDatabase(memory, OPTIONS);
    for (let round = 0; round < 3; round++) {
      await db.transact((tx) => {
        for (let i = 0; i < 600; i++) tx.set(['k', i], `${PAD}${round}`);
      });
      await db.flush();
    }
    const stop = new AbortController();
    const onProgress = (): void => stop.abort(new Error('enough'));
    await expect(db.compact({ all: true, signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(db.stats()).toMatchObject({ compactions: 0 });
    expect(await db.count({ prefix: 'k' })).toBe(600);
    expect(await db.compact({ all: true })).toMatchObject({ dropped: 0 });
    expect(await db.count({ prefix: 'k' })).toBe(600);
  });
});

describe('in the background', () => {
  test('who has made the newest record merges what is due, after its commits', async () => {
    const events: string[] = [];
    const db = await openDatabase(memory, {
      ...OPTIONS,
      maintenance: 'auto',
      compaction: { ...OPTIONS.compaction, tailBytesMax: 2_000 },
      onEvent: ({ type }) => events.push(type),
    });
    for (let i = 0; i < 400; i++) await db.set(['k', i % 40], `${PAD}${i}`);
    await db.close();
    expect(events.filter((type) => type === 'compaction').length).toBeGreaterThan(3);
    expect(events).not.toContain('compaction-failed');
    const fresh = await openDatabase(memory, OPTIONS);
    expect(fresh.stats().amplification.read).toBeLessThan(8);
    for (let i = 360; i < 400; i++) expect(await fresh.get(['k', i % 40])).toBe(`${PAD}${i}`);
  });

  test('nothing that is not due is done: an idle database sends nothing', async () => {
    const recording = new RecordingStore(memory);
    const db = await openDatabase(recording, { ...OPTIONS, maintenance: 'auto' });
    await db.set('k', 1);
    await settled();
    recording.reset();
    await settled();
    expect(recording.calls).toEqual([]);
  });
});

describe('parts of streams', () => {
  test('leave the manifest with what named them: overwritten in the tail, in a segment, or deleted', async () => {
    const db = await openDatabase(memory, OPTIONS);
    const parts = async (): Promise<number> =>
      (await openParts(memory, OPTIONS)).tip.view.manifest.parts.size;
    for (const name of ['tail', 'segment', 'range', 'kept'])
      await db.setStream(name, [new Uint8Array(2_000)]);
    await db.set('tail', 'no stream');
    await db.flush();
    await db.set('segment', 'no stream');
    await db.deleteRange({ gte: 'range', lt: 'rangf' });
    await db.flush();
    expect(await parts()).toBe(4);
    await db.compact({ all: true });
    expect(await parts()).toBe(1);
    const kept = await new Response(await db.getStream('kept')).arrayBuffer();
    expect(kept.byteLength).toBe(2_000);
  });
});

test('an entry stays until it has expired by a clock that is not the one that compacts', async () => {
  const mine = new ManualClock();
  const store = new MemoryStore('times', mine);
  const db = await openDatabase(store, { ...OPTIONS, clock: mine });
  await db.set('session', 'alive', { expireInMs: 40 * 3_600_000 });
  await db.flush();
  const ahead = new ManualClock();
  ahead.setWall(mine.now() + 72 * 3_600_000);
  const other = await openDatabase(store, { ...OPTIONS, clock: ahead });
  // Its record's time is its own clock's too.
  await other.set('x', 1);
  await other.flush();
  await other.compact({ all: true });
  expect(await db.get('session')).toBe('alive');
});

test('neighbours full of range tombstones are left as they are', async () => {
  const db = await openDatabase(new MemoryStore(), { ...OPTIONS, compaction: undefined });
  const pad = 'p'.repeat(120);
  for (let round = 0; round < 4; round++) {
    await db.transact((tx) => {
      for (let i = 0; i < 1_500; i++) tx.deleteRange({ gte: [round, i, pad], lt: [round, i, pad, 1] });
    });
    await db.flush();
  }
  const stop = AbortSignal.timeout(20_000);
  await db.compact({ all: true, signal: stop });
  expect((await db.compact({ all: true, signal: stop })).jobs).toBe(0);
}, 60_000);
