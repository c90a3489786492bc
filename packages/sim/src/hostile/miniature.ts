/** A database made small, with many blocks: its values shortened, its segments cut into blocks of a few entries. */
import { encodeValue } from '@holdfast/core';
import type { Num } from './bytes.js';
import { type Body, type Held, PIECE, type Write } from './layout.js';
import { rebuild, type SaidSegment, type SegmentTree } from './rebuild.js';
import { hex, type OpenedSegment, openWorld, sha256, type World } from './world.js';

const BLOCK_ENTRIES = 5;
const VALUE_BYTES_MAX = 100;
/** Large values up to this size stay as they are: in pieces. */
const KEPT_BYTES_MAX = 100_000;

export async function miniature(
  world: World,
): Promise<{ world: World; segments: ReadonlyMap<string, SaidSegment> }> {
  const segments = new Map([...world.segments].map(([id, segment]) => [id, shrink(segment)]));
  const bodies = new Map(
    world.records.map(({ version }) => [
      version,
      (body: Body): void => {
        for (const { writes } of body.transactions) writes.forEach(shortenWrite);
        body.carried.forEach(shortenWrite);
      },
    ]),
  );
  const rebuilt = await rebuild(world, { segments, bodies, agree: true });
  const image = new Map([...world.image, ...rebuilt.changes]);
  return { world: await openWorld(image), segments: rebuilt.segments };
}

function shortenWrite(write: Write): void {
  if (write.value) write.value = shorten(write.value);
}

/** The same for the same value, wherever it lies. */
function shorten(value: Uint8Array): Uint8Array {
  return value.length <= VALUE_BYTES_MAX ? value : encodeValue(hex(sha256(value)).slice(0, 20));
}

function shrink({ meta, chunks }: OpenedSegment): SegmentTree {
  const tree: SegmentTree = { meta: { ...meta }, chunks: [] };
  let block: Held[] = [];
  const close = (): void => {
    if (block.length > 0) tree.chunks.push(block);
    block = [];
  };
  for (const chunk of chunks) {
    if (chunk instanceof Uint8Array) continue;
    for (const entry of chunk) {
      const { kind, value } = entry;
      if (block.length === BLOCK_ENTRIES) close();
      if (Number(kind) % 16 !== 2) {
        block.push(value ? { ...entry, value: shorten(value) } : { ...entry });
        continue;
      }
      const [length, first] = [Number(entry.length), Number(entry.firstChunk)];
      const pieces = chunks.slice(first, first + Math.ceil(length / PIECE)) as Uint8Array[];
      if (length > KEPT_BYTES_MAX) {
        const whole = new Uint8Array(Buffer.concat(pieces));
        const { length: _, firstChunk: __, ...head } = entry;
        block.push({ ...head, kind: Number(kind) - 1, value: shorten(whole) });
        continue;
      }
      close();
      block.push({ ...entry, firstChunk: tree.chunks.length });
      tree.chunks.push(...pieces);
    }
  }
  close();
  summarize(tree);
  return tree;
}

/** Makes the meta chunk say what the chunks are. Its filter then knows every key there is. */
export function summarize(tree: SegmentTree): void {
  const blocks = tree.chunks.flatMap((held, chunk) =>
    held instanceof Uint8Array || held.length === 0 ? [] : [{ chunk, firstKey: held[0]!.key }],
  );
  const entries = tree.chunks.flatMap((chunk) => (chunk instanceof Uint8Array ? [] : chunk));
  const own = [...entries, ...tree.meta.ranges]
    .map(({ version }) => version)
    .filter((version) => version !== 0);
  const ascending = own.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  tree.meta = {
    blocks,
    lastKey: entries.at(-1)?.key ?? new Uint8Array(0),
    entries: entries.length,
    tombstones: entries.filter(({ kind }) => kind === 0).length,
    minVersion: ascending[0] ?? 0,
    maxVersion: ascending.at(-1) ?? 0,
    earliestExpiry: entries.reduce<Num>(
      (least, { expires }) => (expires !== undefined && (least === 0 || expires < least) ? expires : least),
      0,
    ),
    ranges: tree.meta.ranges,
    probes: 7,
    filter: new Uint8Array(Math.ceil((entries.length * 10) / 8)).fill(0xff),
  };
}
