/**
 * Writes the tiles of the history tree (core's merkle/tiles.ts) beside the commits, one stretch of 256 records at a
 * time: two objects, from hashes that this process has in memory anyway.
 *
 * Who does it: whoever has written the last record of a stretch, so that writers of one log do not all do the same;
 * where that one did not get to it, the next writer who has a whole stretch in memory does, and reads what little is
 * missing before it. `maintain()` catches up whatever lags.
 *
 * Invariants:
 * - Tiles are written only if together they lead to the history that this process has followed (I2).
 * - A tile is created only if absent. A name that is taken holds the same bytes, or is `CORRUPT`.
 * - A record says `tiledThrough` only of tiles that were durable before it was sent (I3).
 */
import {
  corrupt,
  type FilledTile,
  HASH_BYTES,
  HoldfastError,
  leafHash,
  recordName,
  standingPart,
  standsIn,
  TILE_WIDTH,
  TileEdge,
  tiledPart,
  tileName,
} from '@holdfast/core';
import pLimit from 'p-limit';
import { putNew } from '../commit/new-object.js';
import type { Context } from '../context/context.js';
import { missingRecord, readRecordHash } from '../log/log.js';
import { fetchTile } from '../log/tiles.js';
import type { Tip } from '../log/tip.js';
import type { View } from '../state/view.js';

/** Requests of this work that are under way at once. */
const AT_ONCE = 16;
/** Hashes of the newest records, kept for stretches that are not in tiles yet. */
const HASHES_KEPT = 4 * TILE_WIDTH;
/** How many records' hashes are read beside the commits to reach a stretch that is in memory. */
const CATCH_UP_MAX = 4 * TILE_WIDTH;

export class Tiler {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #publish: (tiledThrough: number) => void;
  /** Hashes of the records from #first on, without a gap up to the tip. */
  #hashes: Uint8Array[];
  #first: number;
  /** Of what this process wrote last. */
  #edge: TileEdge = TileEdge.empty;
  #running: Promise<boolean> | undefined;
  /** The tip at the last try: one a stretch, however it ends. */
  #triedAt = 0;

  /** @param publish lets the records of this process name what is durable. */
  constructor(context: Context, tip: Tip, publish: (tiledThrough: number) => void) {
    this.#context = context;
    this.#tip = tip;
    this.#publish = publish;
    this.#first = tip.view.version;
    this.#hashes = [tip.view.hash];
    tip.onChange((step) => this.#keep(step?.view ?? tip.view));
  }

  #keep({ version, hash }: View): void {
    if (version !== this.#first + this.#hashes.length) {
      this.#hashes = [];
      this.#first = version;
    }
    this.#hashes.push(hash);
    if (this.#hashes.length <= HASHES_KEPT) return;
    this.#hashes.shift();
    this.#first++;
  }

  /** How far the history is tiled, as far as this process knows. */
  #tiled(view: View): number {
    return Math.max(view.tiledThrough, this.#edge.size);
  }

  /**
   * Tiles in the background if that is due and not under way. A failure is told, and left to the next stretch.
   * @param version of a record that this process has just written.
   */
  consider(version: number): void {
    if (this.#running || this.#context.lifetime.ending.aborted) return;
    const { view } = this.#tip;
    const lag = version - this.#tiled(view);
    const isDue = lag >= 2 * TILE_WIDTH || (lag >= TILE_WIDTH && version % TILE_WIDTH === 0);
    if (!isDue || version - this.#triedAt < TILE_WIDTH) return;
    const to = tiledPart(view.version);
    const unknown = this.#first - 1 - this.#tiled(view);
    if (this.#first > to - TILE_WIDTH + 1 || unknown > CATCH_UP_MAX) return;
    this.#triedAt = version;
    this.tile().catch((error: unknown) => this.#context.emit({ type: 'tile-failed', error }));
  }

  /** Tiles what is there now. Resolves to false where there is no whole stretch that is not tiled. */
  tile(): Promise<boolean> {
    this.#running ??= this.#tile().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when nothing is being tiled. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {});
  }

  async #tile(): Promise<boolean> {
    const { view } = this.#tip;
    const [from, to] = [this.#tiled(view), tiledPart(view.version)];
    if (to <= from) return false;
    const { sha256 } = this.#context.sealing.provider;
    const [edge, hashes] = await Promise.all([this.#edgeAt(from), this.#hashesOf(from + 1, to)]);
    const grown = edge.grow(
      sha256,
      hashes.map((hash) => leafHash(sha256, hash)),
    );
    // Fewer than 256 records after it, the tree of that size still stands in the newest one.
    if (!standsIn(grown.edge.tree(sha256), standingPart(view.history, to)!))
      throw corrupt(
        [...TileEdge.tilesOf(from).map(tileName), recordName(to)].join(', '),
        `expected tiles and the hashes of records ${from + 1} to ${to} that lead to the history of version ${view.version}, found others; nothing was written`,
      );
    const limit = pLimit(AT_ONCE);
    await Promise.all(grown.tiles.map((tile) => limit(() => this.#write(tile))));
    this.#edge = grown.edge;
    this.#publish(to);
    const bytes = grown.tiles.reduce((sum, { width }) => sum + width * HASH_BYTES, 0);
    this.#context.emit({ type: 'tile', through: to, tiles: grown.tiles.length, bytes });
    return true;
  }

  async #edgeAt(from: number): Promise<TileEdge> {
    if (this.#edge.size === from) return this.#edge;
    const tiles = await Promise.all(
      TileEdge.tilesOf(from).map(async (tile) => {
        const found = await fetchTile(this.#context, tile);
        if (found) return found;
        throw corrupt(tileName(tile), `records up to ${from} are in tiles, and the store has no such object`);
      }),
    );
    return TileEdge.of(from, tiles);
  }

  #hashesOf(first: number, last: number): Promise<Uint8Array[]> {
    // Of one moment: the tip goes on meanwhile, and what is kept with it.
    const [kept, keptFrom] = [[...this.#hashes], this.#first];
    const limit = pLimit(AT_ONCE);
    return Promise.all(
      Array.from({ length: last - first + 1 }, (_, i) => {
        const version = first + i;
        return version >= keptFrom ? kept[version - keptFrom]! : limit(() => this.#readHash(version));
      }),
    );
  }

  /** Whether it is the record's hash shows in the tree. */
  async #readHash(version: number): Promise<Uint8Array> {
    const name = recordName(version);
    const found = await readRecordHash(this.#context, version);
    if (found?.length === HASH_BYTES) return found;
    throw found
      ? corrupt(name, `expected ${HASH_BYTES} bytes at its end, found ${found.length}`)
      : missingRecord(version, 'The history tree');
  }

  async #write(tile: FilledTile): Promise<void> {
    const name = tileName(tile);
    const bytes = new Uint8Array(tile.width * HASH_BYTES);
    for (const [i, hash] of tile.hashes.entries()) bytes.set(hash, i * HASH_BYTES);
    try {
      await putNew(this.#context, name, bytes);
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'CORRUPT')) throw error;
      throw corrupt(
        name,
        'expected no such object, or the hashes of this history, found others. No record names it yet: delete it, and it is written again',
      );
    }
  }
}
