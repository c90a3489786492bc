/** The second reader's look at tiles: those that the engine writes, and those of a tree with a level more. */
import { leafHash, TileEdge, tileName } from '@holdfast/core';
import { openDatabase } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { IdleClock } from './clock.js';
import { type Image, ImageStore, type Shown } from './image-store.js';
import { Model } from './model.js';
import { rebuild, segmentsAsTheyAre } from './rebuild.js';
import { ROOT_KEY } from './reference.js';
import { checkTiles } from './tile-rules.js';
import { openWorld, sha256 } from './world.js';

/** Of 261 records. */
async function tiledImage(clock: IdleClock): Promise<Image> {
  const store = new MemoryStore();
  const settled = await clock.settle(async () => {
    const db = await openDatabase(store, { key: ROOT_KEY, clock, maintenance: 'manual' });
    while (db.version < 260) await db.set(['n'], db.version);
    await db.maintain();
    await db.set(['n'], 'after');
    await db.close();
  });
  expect(settled).toHaveProperty('value');
  return store.objects();
}

test('the tiles that the engine writes are those of its records', async () => {
  const image = await tiledImage(new IdleClock());
  const world = await openWorld(image);
  const hashes = world.records.map(({ hash }) => hash);
  const { tiledThrough } = world.records.at(-1)!.clear;
  expect([tiledThrough, checkTiles(image, hashes, 256)]).toEqual([256, 2]);
  new Model(await rebuild(world, {}), await segmentsAsTheyAre(world)).check([1, 261], 2);

  const name = 'tile/0/000';
  const other = new Map(image).set(name, image.get(name)!.slice().fill(0, 8000));
  expect(() => checkTiles(other, hashes, 256)).toThrow('tile/0/000 has other hashes');
  const fewer = new Map(image);
  fewer.delete('tile/1/000.p/1');
  expect(() => checkTiles(fewer, hashes, 256)).toThrow('tile/1/000.p/1 is missing');
});

test('a changed byte of a tile, or a tile that is cut or gone, is named by verify, and all else is read', async () => {
  const clock = new IdleClock();
  const image = await tiledImage(clock);
  const store = new ImageStore(image);
  for (const [name, shown] of [
    ['tile/0/000', { at: 0, mask: 1 }],
    ['tile/0/000', { at: 4711, mask: 0x80 }],
    ['tile/0/000', { at: 8191, mask: 1 }],
    ['tile/0/000', image.get('tile/0/000')!.subarray(1)],
    ['tile/1/000.p/1', { at: 31, mask: 4 }],
    ['tile/1/000.p/1', 'gone'],
  ] as [string, Shown][]) {
    store.show(new Map([[name, shown]]));
    const settled = await clock.settle(async () => {
      const db = await openDatabase(store, { key: ROOT_KEY, clock, readOnly: true });
      expect(await db.get(['n'])).toBe('after');
      return db.verify();
    });
    expect(settled).toMatchObject({ value: { ok: false, problems: [expect.stringContaining(name)] } });
  }
});

test('with more than 65,536 records there is a third level, and names have three digits a group', () => {
  const hashes = Array.from({ length: 65_536 + 768 }, (_, i) => sha256(Uint8Array.of(i >> 16, i >> 8, i)));
  const { tiles } = TileEdge.empty.grow(
    sha256,
    hashes.map((hash) => leafHash(sha256, hash)),
  );
  const image: Image = new Map(
    tiles.map((tile) => [tileName(tile), new Uint8Array(Buffer.concat(tile.hashes))]),
  );
  expect(checkTiles(image, hashes, hashes.length)).toBe(259 + 2 + 1);
  expect([...image.keys()]).toEqual(
    expect.arrayContaining(['tile/0/258', 'tile/1/000', 'tile/1/001.p/3', 'tile/2/000.p/1']),
  );
});
