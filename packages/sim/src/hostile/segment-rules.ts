/** What one segment holds, read slowly, and where it contradicts itself or the manifest (FORMAT.md, "Segment"). */
import { NotInFormat } from './bytes.js';
import { type Held, type HeldRange, type Listed, type Meta, PIECE, readBlock } from './layout.js';
import type { SaidSegment } from './rebuild.js';

/** Everything with the stamp that counts. */
export interface Holding {
  readonly entries: readonly Held[];
  readonly ranges: readonly HeldRange[];
}

const CHUNK_MAX = 1024 * 1024;
const TAG = 16;
const NOTHING = new Uint8Array(0);

/** A segment's entries, large values put together, and its ranges; all that `verify` would find is checked. */
export function heldBy(segment: SaidSegment | undefined, each: Listed): Holding {
  if (!segment?.meta) throw new NotInFormat('a segment without its meta chunk');
  const { meta } = segment;
  must(segment.isFramed, 'a table or footer that lies');
  must(
    each.bytes === segment.bytes && each.metaBytes === segment.metaBytes && same(each.root, segment.root),
    'another segment',
  );
  must(each.epoch === segment.epoch, 'another epoch');
  must(
    segment.chunks.every(({ length }) => length + TAG <= CHUNK_MAX),
    'a chunk of more than 1 MiB',
  );
  const entries = readEntries(segment, meta);
  checkVersions(entries, meta, each);
  checkSums(entries, meta, each);
  return { entries: entries.map(stampedBy(each)), ranges: meta.ranges };
}

function stampedBy({ stampVersion, stampOrder }: Listed) {
  return <T extends { version: unknown }>(held: T): T =>
    held.version === 0 ? { ...held, version: stampVersion, order: stampOrder } : held;
}

function readEntries(segment: SaidSegment, meta: Meta): Held[] {
  const entries: Held[] = [];
  let piece = 0;
  for (const [i, { chunk, firstKey }] of meta.blocks.entries()) {
    const at = Number(chunk);
    must(at >= piece && at < segment.chunks.length, 'a block out of place');
    const held = readBlock(segment.chunks[at]!);
    must(held.length > 0 && same(held[0]!.key, firstKey), `block ${i} begins with another key`);
    for (const entry of held) {
      const before = entries.at(-1);
      must(!before || Buffer.compare(before.key, entry.key) < 0, 'keys out of order');
      must(mayContain(meta, entry.key), 'a filter that does not know a key');
      if (Number(entry.kind) % 16 !== 2) {
        entries.push(entry);
        continue;
      }
      const [length, first] = [Number(entry.length), Number(entry.firstChunk)];
      const end = first + Math.ceil(length / PIECE);
      must(length > PIECE && first === piece && end <= at, 'a value without its pieces');
      const pieces = segment.chunks.slice(first, end);
      must(
        pieces.every((p, k) => p.length === Math.min(PIECE, length - k * PIECE)),
        'a piece of another size',
      );
      entries.push({ ...entry, value: new Uint8Array(Buffer.concat(pieces)) });
      piece = end;
    }
    must(piece === at, 'a chunk that nothing refers to');
    piece = at + 1;
  }
  must(piece === segment.chunks.length, 'chunks behind the last block');
  must(entries.length > 0 || meta.filter.length === 0, 'a filter of no keys');
  must(Number(meta.probes) > 0, 'a filter without probes');
  must(entries.length > 0 || meta.ranges.length > 0, 'neither entries nor range tombstones');
  return entries;
}

function checkVersions(entries: readonly Held[], meta: Meta, each: Listed): void {
  must(
    meta.ranges.every(({ version }) => version !== 0),
    'a range tombstone without a version',
  );
  const versions = [...entries, ...meta.ranges].map(({ version }) => Number(version));
  const own = versions.filter((version) => version !== 0);
  const stamp = Number(each.stampVersion);
  must(stamp !== 0 || (own.length === versions.length && each.stampOrder === 0), 'entries without a version');
  const all = stamp === 0 ? own : [...own, stamp];
  const bounds = [Math.min(...all), Math.max(...all)];
  must(bounds[0] === each.minVersion && bounds[1] === each.maxVersion, 'a range of versions that lies');
  must(
    (own.length === 0 ? 0 : Math.min(...own)) === meta.minVersion || stamp === bounds[0],
    'a range of own versions that lies',
  );
  must((own.length === 0 ? 0 : Math.max(...own)) === meta.maxVersion || stamp === bounds[1], 'likewise');
  const [min, max] = [Number(meta.minVersion), Number(meta.maxVersion)];
  must(stamp === 0 || Math.min(min || stamp, stamp) === bounds[0], 'own versions below the range');
  must(stamp === 0 || Math.max(max, stamp) === bounds[1], 'own versions above the range');
}

function checkSums(entries: readonly Held[], meta: Meta, each: Listed): void {
  const expiries = entries.flatMap(({ expires }) => (expires === undefined ? [] : [Number(expires)]));
  const earliest = expiries.length === 0 ? 0 : Math.min(...expiries);
  const tombstones = entries.filter(({ kind }) => kind === 0).length;
  for (const said of [meta, each]) {
    must(said.entries === entries.length && said.tombstones === tombstones, 'a count that lies');
    must(said.earliestExpiry === earliest, 'another earliest expiry');
  }
  must(
    same(each.firstKey, entries[0]?.key ?? NOTHING) &&
      same(each.lastKey, entries.at(-1)?.key ?? NOTHING) &&
      same(meta.lastKey, each.lastKey),
    'a range of keys that lies',
  );
  must(each.ranges === meta.ranges.length, 'a count of range tombstones that lies');
  must(
    same(each.rangeBegin ?? NOTHING, meta.ranges[0]?.begin ?? NOTHING) &&
      same(each.rangeEnd ?? NOTHING, meta.ranges.at(-1)?.end ?? NOTHING),
    'a hull of range tombstones that lies',
  );
}

/** FORMAT.md, "Meta chunk". */
function mayContain({ probes, filter }: Meta, key: Uint8Array): boolean {
  const k = Number(probes);
  if (k === 0 || filter.length === 0) return false;
  const fnv = (basis: number): number =>
    key.reduce((h, byte) => Math.imul(h ^ byte, 0x01000193) >>> 0, basis);
  const [h1, h2] = [fnv(0x811c9dc5), (fnv(0x9747b28c) | 1) >>> 0];
  for (let i = 0; i < k; i++) {
    const bit = ((h1 + i * h2) % 2 ** 32) % (filter.length * 8);
    if ((filter[bit >> 3]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
