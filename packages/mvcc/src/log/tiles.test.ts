/** That one history continues another is shown by tiles, where the records between are many, or gone. */
import {
  CompactRange,
  concatBytes,
  continuationSizes,
  encodeRecord,
  type FilledTile,
  HASH_BYTES,
  type HoldfastError,
  leafHash,
  recordName,
  TILE_WIDTH,
  TileEdge,
  tiledPart,
  tileName,
  tilesAt,
  tilesBetween,
} from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock, RecordingStore } from '@holdfast/object-store/testing';
import { describe, expect, test } from 'vitest';
import type { Context } from '../context/context.js';
import { openParts } from '../open.js';
import type { View } from '../state/view.js';
import { continues, type Newer } from './continuity.js';
import type { Place } from './fork.js';
import { Log } from './log.js';
import { StoreSlots } from './store-slots.js';

const { sha256 } = defaultProvider();
const HOUR = 3_600_000;
const RECORDS = 100_000;
const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
console.log(`tiles: SEED=${SEED}`);

/** A log of which only the records exist that a test puts: of the others there is a hash. */
class SparseLog {
  readonly #ranges: CompactRange[] = [CompactRange.empty];
  readonly #hashes: Uint8Array[] = [];
  readonly #tiles = new Map<string, FilledTile>();

  /** @param forkAt the first version at which it is another history than LOG. */
  constructor(size: number, forkAt = 1, salt = 0) {
    if (forkAt > 1) {
      this.#ranges = LOG.#ranges.slice(0, forkAt);
      this.#hashes = LOG.#hashes.slice(0, forkAt - 1);
    }
    for (let version = forkAt; version <= size; version++) {
      const hash = sha256(new Uint8Array(new Uint32Array([version, salt]).buffer));
      this.#hashes.push(hash);
      this.#ranges.push(this.#ranges.at(-1)!.append(sha256, leafHash(sha256, hash)));
    }
  }

  /** All that are written in steps of 256 records. */
  get tiles(): ReadonlyMap<string, FilledTile> {
    if (this.#tiles.size > 0) return this.#tiles;
    const leaves = this.#hashes.map((hash) => leafHash(sha256, hash));
    let edge = TileEdge.empty;
    for (let tiled = 0; tiled + 256 <= leaves.length; tiled += 256) {
      const grown = edge.grow(sha256, leaves.slice(tiled, tiled + 256));
      for (const tile of grown.tiles) this.#tiles.set(tileName(tile), tile);
      edge = grown.edge;
    }
    return this.#tiles;
  }

  /** The state at a version, or the record of the next as far as its history goes. */
  at(version: number): Place {
    return { version, hash: this.#hashes[version - 1]!, history: this.#ranges[version]! };
  }

  newer(version: number, { floor = version, tiledThrough = tiledPart(version - 1) } = {}): Newer {
    return { ...this.at(version), floor, tiledThrough };
  }

  async putTiles(store: MemoryStore, tiled: number): Promise<void> {
    for (const tile of tilesAt(tiled)) await putTile(store, this.tiles.get(tileName(tile))!);
  }
}

const putTile = (store: MemoryStore, tile: FilledTile) =>
  store.put(tileName(tile), concatBytes(...tile.hashes));

/** A record that writes nothing and carries nothing. */
async function record(
  { context, tip }: Opened,
  version: number,
  { parent, history }: Pick<Place, 'history'> & { parent: Uint8Array },
  { floor = 1, tiledThrough = 0 } = {},
): Promise<{ bytes: Uint8Array; hash: Uint8Array }> {
  const { manifest, graceMs, extensions } = tip.view as View & Partial<RecordClear>;
  return encodeRecord(
    context.sealing,
    {
      version,
      parent,
      flushedThrough: version - 1,
      floor,
      tiledThrough,
      ...(graceMs !== undefined && { graceMs }),
      ...(extensions && { extensions }),
      history,
      keyring: context.sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
    },
    {
      writerId: new Uint8Array(16),
      timeMs: 1,
      stores: [],
      transactions: [],
      carry: { refs: [], entries: [] },
    },
    new Uint8Array(16),
  );
}

type Opened = Awaited<ReturnType<typeof openParts>>;

const LOG = new SparseLog(RECORDS);
const TILED_ALL = tiledPart(RECORDS - 1);

/** A context over a store with the tiles of LOG and nothing else, and what was asked of it. */
async function tiled(tiledThrough: number) {
  const store = new MemoryStore();
  await LOG.putTiles(store, tiledThrough);
  return over(store);
}

async function over(store: MemoryStore) {
  const opened = await openParts(new MemoryStore(), OPTIONS);
  const recording = new RecordingStore(store);
  const context: Context = { ...opened.context, store: recording, slots: new StoreSlots(recording) };
  return { store, recording, context, log: new Log(context), opened };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: HoldfastError) => `${error.code} ${error.message}`);

/** Numbers that are the same for the same seed. */
function randomOf(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return 1 + Math.floor((state / 2 ** 31) * max);
  };
}

const AROUND = [1, 2, 255, 256, 257, 511, 512, 513, 32_767, 32_768, 65_535, 65_536, 65_537, 99_000];

describe('a history of 100,000 records', () => {
  test('is shown to go on from any older state by at most 17 reads, in one round, with no record left', async () => {
    const { recording, context, log } = await tiled(TILED_ALL);
    const random = randomOf(SEED);
    const known = [...AROUND, ...Array.from({ length: 100 }, () => random(RECORDS - 300))];
    for (const size of known) {
      recording.reset();
      await continues(context, log, LOG.at(size), LOG.newer(RECORDS));
      expect(recording.calls.length).toBeLessThanOrEqual(3);
      expect(recording.sequentialDepth()).toBeLessThanOrEqual(1);
      for (const { key } of recording.calls) expect(key).toMatch(/^tile\//);
    }
  });

  test('is FORK at whatever depth another one begins, with no record left', async () => {
    const forged = new SparseLog(RECORDS, 1, 1);
    const honest = await tiled(TILED_ALL);
    const store = new MemoryStore();
    await forged.putTiles(store, TILED_ALL);
    const lying = await over(store);
    for (const size of AROUND) {
      for (const forkAt of new Set([Math.max(1, size - 300), size])) {
        const known = new SparseLog(size, forkAt, 2).at(size);
        const error = await continues(honest.context, honest.log, known, LOG.newer(RECORDS)).catch(
          (e: unknown) => e,
        );
        expect(error).toMatchObject({ code: 'FORK', evidence: expect.any(Uint8Array) });
      }
      const { context, log } = lying;
      expect(await outcome(continues(context, log, LOG.at(size), forged.newer(RECORDS)))).toMatch(/^FORK/);
    }
  });

  test('is followed over a jump by a handle that had gone to sleep', async () => {
    const store = new MemoryStore();
    const clock = new ManualClock();
    const first = await openParts(store, OPTIONS);
    const version = 41_234;
    const before = LOG.at(version - 1);
    const known = await record(first, version, { parent: before.hash, history: before.history });
    await store.put(recordName(version), known.bytes);
    const recording = new RecordingStore(store);
    const { tip } = await openParts(recording, { ...OPTIONS, clock });
    expect(tip.view.version).toBe(version);
    // The history goes on from that record.
    const leaves = Array.from({ length: RECORDS - 1 }, (_, i) =>
      leafHash(sha256, i + 1 === version ? known.hash : LOG.at(i + 1).hash),
    );
    const grown = TileEdge.empty.grow(sha256, leaves.slice(0, TILED_ALL));
    for (const tile of grown.tiles) await putTile(store, tile);
    let history = grown.edge.tree(sha256);
    for (const leaf of leaves.slice(TILED_ALL)) history = history.append(sha256, leaf);
    const parent = LOG.at(RECORDS - 1).hash;
    const clear = { floor: RECORDS, tiledThrough: TILED_ALL };
    const newest = await record(first, RECORDS, { parent, history }, clear);
    await store.put(recordName(RECORDS), newest.bytes);
    await clock.advance(13 * HOUR);
    recording.reset();
    await tip.follow();
    expect(tip.view.version).toBe(RECORDS);
    const asked = recording.calls.filter(({ key }) => key.startsWith('tile/'));
    expect(asked).toHaveLength(tilesBetween(version, TILED_ALL).length);
    // The listing, the newest record, the tiles at once, the next slot.
    expect(recording.sequentialDepth()).toBe(4);
  });
});

test('where tiles lag, headers go on from them in the same round', async () => {
  const [known, lagging, size] = [32_700, 69_888, 70_200];
  const opened = await openParts(new MemoryStore(), OPTIONS);
  const { records, newest } = await makeHeaders(opened, lagging, size);
  const { store, recording, context, log } = await tiled(lagging);
  for (const [name, bytes] of records) await store.put(name, bytes);
  const newer = { ...newest, floor: lagging + 1, tiledThrough: lagging };
  expect(records.size).toBe(1);
  await continues(context, log, LOG.at(known), newer);
  expect(recording.calls).toHaveLength(1 + tilesBetween(known, lagging).length);
  expect(recording.sequentialDepth()).toBe(1);
  const forged = new SparseLog(known, known - 700, 5).at(known);
  expect(await outcome(continues(context, log, forged, newer))).toMatch(/^FORK/);
  // What is not tiled is there, wherever the floor is.
  recording.reset();
  await continues(context, log, LOG.at(known), { ...newer, floor: size });
  expect(recording.calls).toHaveLength(1 + tilesBetween(known, lagging).length);
});

type Damage = (bytes: Uint8Array) => Uint8Array | undefined;

describe('a tile that is not what it should be', () => {
  const TILED = 70_144;
  const SIZE = 70_200;
  const KNOWN = 32_700;
  const damages = {
    bent: (bytes: Uint8Array) => bytes.with(bytes.length - 7, bytes.at(-7)! ^ 1),
    'cut short': (bytes: Uint8Array) => bytes.subarray(32),
    'too long': (bytes: Uint8Array) => Uint8Array.from([...bytes, ...bytes]),
    empty: () => new Uint8Array(0),
    "another history's": (bytes: Uint8Array) => Uint8Array.from(bytes, (byte) => byte ^ 0xff),
    missing: () => undefined,
  };
  const FORGED = new SparseLog(KNOWN, KNOWN - 3, 4);
  const headers = openParts(new MemoryStore(), OPTIONS).then(async (opened) => ({
    opened,
    ...(await makeHeaders(opened, KNOWN, SIZE)),
  }));
  const way = tilesBetween(KNOWN, TILED).map(tileName);

  async function damaged(name: string, damage: Damage) {
    const found = await tiled(TILED);
    const bytes = damage((await found.store.get(name))!.bytes);
    if (bytes) await found.store.put(name, bytes);
    else await found.store.delete([name]);
    return found;
  }

  test.each(Object.entries<Damage>(damages))(
    'is CORRUPT by its name and never FORK: %s',
    async (_, damage) => {
      for (const name of way) {
        const { recording, context, log } = await damaged(name, damage);
        const newer = LOG.newer(SIZE, { tiledThrough: TILED });
        expect(await outcome(continues(context, log, LOG.at(KNOWN), newer))).toMatch(
          new RegExp(`^CORRUPT ${name.replaceAll('.', '\\.')}`),
        );
        // What is there is read once more; no tile takes more than it may.
        const reads = recording.calls.filter(({ key }) => key === name).length;
        expect(reads).toBeLessThanOrEqual(2);
        expect(await outcome(continues(context, log, FORGED.at(KNOWN), newer))).toMatch(/^(CORRUPT|FORK)/);
      }
    },
  );

  test.each(Object.entries<Damage>(damages))(
    'leaves it to the records, while they are there: %s',
    async (_, damage) => {
      for (const name of way) {
        const { recording, context, store } = await damaged(name, damage);
        const { records, newest, opened } = await headers;
        for (const [key, bytes] of records) await store.put(key, bytes);
        const own: Context = { ...context, sealing: opened.context.sealing };
        const log = new Log(own);
        const newer = { ...newest, floor: 1, tiledThrough: TILED };
        await continues(own, log, LOG.at(KNOWN), newer);
        expect(recording.calls.some(({ key }) => key.startsWith('log/'))).toBe(true);
        expect(await outcome(continues(own, log, FORGED.at(KNOWN), newer))).toMatch(/^FORK/);
      }
    },
  );

  test('once, on its way, is read once more', async () => {
    const { context, log, store } = await tiled(TILED);
    let bent = 0;
    const once: Context = {
      ...context,
      store: {
        capabilities: store.capabilities,
        list: (...args) => store.list(...args),
        put: (...args) => store.put(...args),
        delete: (...args) => store.delete(...args),
        get: async (...args) => {
          const found = await store.get(...args);
          expect(args[1]?.maxBytes).toBeLessThanOrEqual(TILE_WIDTH * HASH_BYTES);
          return args[0] === way[0] && bent++ === 0
            ? { ...found!, bytes: damages.bent(found!.bytes) }
            : found;
        },
      },
    };
    const newer = LOG.newer(SIZE, { tiledThrough: TILED });
    await continues(once, log, LOG.at(KNOWN), newer);
    expect(bent).toBe(2);
  });

  test('is not asked where no record says that it is there', async () => {
    const { recording, context, log } = await tiled(TILED);
    for (const tiledThrough of [0, 256, tiledPart(KNOWN)])
      expect(
        await outcome(continues(context, log, LOG.at(KNOWN), LOG.newer(SIZE, { tiledThrough }))),
      ).toMatch(/^CORRUPT/);
    expect(recording.calls.filter(({ key }) => key.startsWith('tile/'))).toEqual([]);
  });
});

/** The records that show the way without tiles, each of one history that begins with LOG's first `from` records. */
async function makeHeaders(opened: Opened, from: number, size: number) {
  const wanted = new Set(continuationSizes(from, size));
  const records = new Map<string, Uint8Array>();
  let { history, hash: parent } = LOG.at(from);
  for (let version = from + 1; version <= size; version++) {
    let { hash } = LOG.at(version);
    if (wanted.has(version)) {
      const made = await record(opened, version, { parent, history });
      hash = made.hash;
      records.set(recordName(version), made.bytes);
    }
    history = history.append(sha256, leafHash(sha256, hash));
    parent = hash;
  }
  return { records, newest: { version: size, hash: parent, history } };
}
