/**
 * Random lives of a database with garbage collection: writers, uploads that stall across collections or are given up,
 * checkpoints, several collectors with retentions of their own. Judged by a map of what each version held, and by a
 * walk over the log that knows nothing of the rules: what a retained version or a checkpoint names is there, and in the
 * end nothing else is.
 */
import { Manifest, objectName, PAGE_PREFIX, recordName, SEGMENT_PREFIX, TILE_PREFIX } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { GatedStore, ManualClock, type PendingCall } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { normaliseOptions } from '../context/options.js';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';
import { listCheckpoints } from '../state/checkpoints.js';

const GRACE_MS = 10_000;
const BASE = { key: 'plaintext', probe: 'skip', maintenance: 'manual', graceMs: GRACE_MS } as const;
/** What has 256 records can be collected. */
const RECORDS_BEFORE = 300;

type Content = ReadonlyMap<number, number>;

let beginning: ReadonlyMap<string, Uint8Array>;

beforeAll(async () => {
  const store = new MemoryStore('bucket', new ManualClock());
  const db = await openDatabase(store, { ...BASE, clock: new ManualClock() });
  for (let i = 0; i < RECORDS_BEFORE; i++) await db.set([i % 7], i);
  await db.maintain();
  await db.close();
  beginning = store.objects();
});

class Life {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore('bucket', this.clock);
  /** What each version holds, as far as this test wrote it. */
  readonly contents = new Map<number, Content>();
  #db!: Database;
  #now: Map<number, number> = new Map();
  readonly #stalled: { db: Database; call: PendingCall; work: Promise<unknown>; write?: [number, number] }[] =
    [];
  #names = 0;

  async begin(): Promise<void> {
    for (const [name, bytes] of beginning) await this.store.put(name, bytes);
    this.#db = await this.open({ versions: 5, ms: 0 });
    for (let key = 0; key < 7; key++) this.#now.set(key, (await this.#db.get<number>([key]))!);
    this.#note(this.#db.version);
  }

  open(retention: { versions: number; ms: number }, on: object = {}): Promise<Database> {
    return openDatabase(this.store, { ...BASE, clock: this.clock, retention, ...on });
  }

  #note(version: number): void {
    this.contents.set(version, new Map(this.#now));
  }

  async write(key: number, value: number): Promise<void> {
    const { version } = await this.#db.set([key], value);
    this.#now.set(key, value);
    this.#note(version);
  }

  async remove(key: number): Promise<void> {
    const { version } = await this.#db.delete([key]);
    this.#now.delete(key);
    this.#note(version);
  }

  /** A large transaction: its writes lie in a segment of its own. */
  async bulk(key: number, value: number): Promise<void> {
    await this.#db.transact((tx) => {
      tx.set([key], value);
      tx.set('filler', new Uint8Array(600_000));
    });
    this.#now.set(key, value);
    this.#note(this.#db.version);
  }

  async stream(): Promise<void> {
    const { version } = await this.#db.setStream('stream', new Blob([new Uint8Array(10_000)]).stream());
    this.#note(version);
  }

  async flush(): Promise<void> {
    await this.#db.flush();
    this.#note(this.#db.version);
  }

  async checkpoint(): Promise<void> {
    await this.#db.checkpoint(`c${this.#names++}`);
    this.#note(this.#db.version);
  }

  async dropCheckpoint(): Promise<void> {
    const [first] = await this.#db.checkpoints();
    if (first && (await this.#db.dropCheckpoint(first.name))) this.#note(this.#db.version);
  }

  /** An upload begins, of another process, and stands still before its segment arrives. */
  async stall(kind: 'flush' | 'bulk', key: number, value: number): Promise<void> {
    const gated = new GatedStore(this.store, {
      when: ({ kind: call, key: name }) => call === 'put' && name.startsWith(SEGMENT_PREFIX),
    });
    const db = await openDatabase(gated, { ...BASE, clock: this.clock, commitTimeoutMs: 0 });
    const work =
      kind === 'flush'
        ? db.flush()
        : db.transact(
            (tx) => {
              tx.set([key], value);
              tx.set('filler', new Uint8Array(600_000));
            },
            { maxRetries: 0 },
          );
    const ended = work.then(
      () => true,
      () => false,
    );
    const [call] = await Promise.race([gated.waitForPending(1), ended.then(() => [])]);
    if (call) this.#stalled.push({ db, call, work: ended, ...(kind === 'bulk' && { write: [key, value] }) });
  }

  /** It goes on: what it says of itself is so. */
  async goOn(): Promise<void> {
    const stalled = this.#stalled.shift();
    if (!stalled) return;
    await stalled.call.release();
    const isDone = await stalled.work;
    await this.#db.get([0]);
    if (isDone && stalled.write) this.#now.set(...stalled.write);
    this.#note(this.#db.version);
  }

  /** It never does: what has arrived of it is garbage. */
  async giveUp(): Promise<void> {
    const stalled = this.#stalled.shift();
    await stalled?.call.release();
    if (stalled?.write) {
      if (await stalled.work) this.#now.set(...stalled.write);
      await this.#db.get([0]);
      this.#note(this.#db.version);
    }
  }

  async collect(versions: number, ms: number): Promise<void> {
    const collector = await this.open({ versions, ms });
    await collector.gc();
    await collector.close();
    await this.#db.get([0]);
    this.#note(this.#db.version);
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  async judge(): Promise<void> {
    const fresh = await this.open({ versions: 0, ms: 0 });
    const kept = new Set((await fresh.checkpoints()).map(({ version }) => version));
    const { floor } = fresh.stats();
    for (const [version, content] of this.contents) {
      if (version < floor && !kept.has(version)) {
        await expect(fresh.snapshot({ at: version })).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
        continue;
      }
      const snapshot = await fresh.snapshot({ at: version });
      for (let key = 0; key < 7; key++) expect(await snapshot.get([key])).toBe(content.get(key));
    }
    expect((await fresh.verify({ deep: true })).problems).toEqual([]);
    await fresh.close();
    const { named } = await this.#reachable();
    const there = this.store.objects();
    for (const name of named) expect(there.has(name), `${name}, which is named, is there`).toBe(true);
  }

  /** After three floors, each a grace period old, nothing is left that nobody names. */
  async judgeEnd(): Promise<void> {
    while (this.#stalled.length > 0) await this.giveUp();
    for (let round = 0; round < 3; round++) {
      await this.collect(0, 0);
      await this.pass(GRACE_MS + 1);
    }
    await this.collect(0, 0);
    await this.judge();
    const { named, oldest } = await this.#reachable();
    for (const name of this.store.objects().keys()) {
      if (name.startsWith(TILE_PREFIX) || named.has(name)) continue;
      const base = /^(?:seg|man)\/([0-9a-f]{14})/.exec(name);
      const begun = base ? Number.parseInt(base[1]!, 16) : undefined;
      // What was begun after that may still be on its way to a record.
      expect(begun !== undefined && begun >= oldest - 1, `${name}, which nobody names, is gone`).toBe(true);
    }
  }

  /** What the retained records and the checkpoints name, walked one by one. */
  async #reachable(): Promise<{ named: Set<string>; oldest: number }> {
    const { context, log, tip } = await openParts(
      this.store,
      normaliseOptions({ ...BASE, clock: this.clock }),
    );
    const { view } = tip;
    const named = new Set<string>();
    const walk = async (version: number): Promise<void> => {
      const record = (await log.read(version))!;
      expect(record, `record ${version}`).toBeDefined();
      named.add(recordName(version));
      for (const ref of record.body.carry.refs) named.add(recordName(ref.version));
      const manifest = await Manifest.load(
        context.sealing,
        record.manifestSection,
        record.manifestRoot,
        '',
        async (name) => (await this.store.get(name))?.bytes,
      );
      for (const { id } of manifest.entries) named.add(objectName(SEGMENT_PREFIX, id));
      for (const name of manifest.pageNames()) named.add(name);
      expect(
        [...named].every((name) => !name.startsWith(PAGE_PREFIX) || this.store.objects().has(name)),
      ).toBe(true);
    };
    for (const { version } of await listCheckpoints(view)) await walk(version);
    // Records from the tiled part on stay whatever the floor is, for the history's sake.
    for (let version = view.floor; version <= view.version; version++) await walk(version);
    for (
      let version = Math.max(1, Math.min(view.floor - 1, view.tiledThrough + 1));
      version < view.floor;
      version++
    )
      named.add(recordName(version));
    return { named, oldest: view.floor };
  }
}

const key = fc.nat(6);
const value = fc.nat(1_000_000);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('write' as const), key, value) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('bulk' as const), key, value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('stream' as const)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('flush' as const)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('checkpoint' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('dropCheckpoint' as const)) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('stall' as const),
      fc.constantFrom('flush' as const, 'bulk' as const),
      key,
      value,
    ),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('goOn' as const)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('giveUp' as const)) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('collect' as const),
      fc.constantFrom(0, 1, 3, 10, 30),
      fc.constantFrom(0, 5_000, 20_000),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constant('pass' as const), fc.constantFrom(1_000, 4_000, GRACE_MS + 1)),
  },
);

test('what is retained is there, whatever happened, and in the end nothing else is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const life = new Life();
      await life.begin();
      for (const [what, ...operands] of steps)
        await (life[what] as (...operands: unknown[]) => Promise<void>)(...operands);
      await life.judge();
      await life.judgeEnd();
    }),
    { numRuns: Number(process.env.HOLDFAST_RUNS ?? 10) },
  );
}, 120_000);
