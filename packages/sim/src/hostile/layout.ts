/**
 * FORMAT.md's structures, read and written slowly and by the book: a second reading, independent of the engine's.
 * It checks what can be seen in the bytes alone; what they must agree with elsewhere is the model's business.
 */
import { NotInFormat, type Num, Put, Take } from './bytes.js';

export type Lies = ReadonlyMap<object, Num>;

export interface Envelope {
  kind: number;
  suite: number;
  databaseId: Uint8Array;
  objectId: Uint8Array;
  epoch: number;
  salt: Uint8Array;
  commitment: Uint8Array;
}

export const ENVELOPE = 116;
export const FOOTER = 124;
export const ROW = 36;
export const TAG = 16;
export const PIECE = 65_536;

export function takeEnvelope(take: Take): Envelope {
  const magic = String.fromCharCode(...take.raw(4));
  const kind = take.u8();
  const [format, suite, zero] = [take.u8(), take.u8(), take.u8()];
  if (magic !== 'HFST' || format !== 1 || suite > 1 || zero !== 0) throw new NotInFormat('no envelope');
  return {
    kind,
    suite,
    databaseId: take.raw(16),
    objectId: take.raw(24),
    epoch: take.u32(),
    salt: take.raw(32),
    commitment: take.raw(32),
  };
}

export function putEnvelope(put: Put, e: Envelope): void {
  put.raw(Uint8Array.of(0x48, 0x46, 0x53, 0x54, e.kind, 1, e.suite, 0));
  put.raw(e.databaseId).raw(e.objectId).u32(e.epoch).raw(e.salt).raw(e.commitment);
}

export interface Write {
  key: Uint8Array;
  /** Undefined: deleted. */
  value: Uint8Array | undefined;
}

export interface Carried extends Write {
  /** Its version, less the one after which the carry begins. */
  above: Num;
  order: Num;
}

export interface Body {
  writerId: Uint8Array;
  timeMs: Num;
  stores: Uint8Array[];
  transactions: { readVersion: Num; bulkRun: Num; writes: Write[] }[];
  holders: { version: Num; hash: Uint8Array; bytes: Num }[];
  carried: Carried[];
}

function takeWrite(take: Take): Write {
  const key = take.bytes();
  const length = take.varint();
  return { key, value: length === 0 ? undefined : take.raw(length - 1) };
}

function putWrite(put: Put, { key, value }: Write, lies: Lies): void {
  put.bytes(key);
  if (value === undefined) put.varint(0);
  else put.varint(lies.get(value) ?? value.length + 1).raw(value);
}

export function readBody(bytes: Uint8Array): Body {
  const take = new Take(bytes);
  const body: Body = {
    writerId: take.raw(16),
    timeMs: take.varint(),
    stores: take.list(() => take.raw(8)),
    transactions: take.list(() => ({
      readVersion: take.varint(),
      bulkRun: take.varint(),
      writes: take.list(() => takeWrite(take)),
    })),
    holders: take.list(() => ({ version: take.varint(), hash: take.raw(32), bytes: take.varint() })),
    carried: take.list(() => ({ ...takeWrite(take), above: take.varint(), order: take.varint() })),
  };
  take.end();
  return body;
}

export function writeBody(body: Body, lies: Lies): Uint8Array {
  const put = new Put(lies);
  put.raw(body.writerId).varint(body.timeMs);
  put.list(body.stores, (store) => put.raw(store));
  put.list(body.transactions, ({ readVersion, bulkRun, writes }) => {
    put.varint(readVersion).varint(bulkRun);
    put.list(writes, (write) => putWrite(put, write, lies));
  });
  put.list(body.holders, ({ version, hash, bytes }) => put.varint(version).raw(hash).varint(bytes));
  put.list(body.carried, (entry) => {
    putWrite(put, entry, lies);
    put.varint(entry.above).varint(entry.order);
  });
  return put.done();
}

export interface PageRef {
  /** Present where the page travels in the record. */
  inline?: Uint8Array;
  id: Uint8Array;
  bytes: Num;
  hash: Uint8Array;
}

/** A record's clear bytes behind the envelope. */
export interface Clear {
  parent: Uint8Array;
  flushedThrough: Num;
  floor: Num;
  history: Uint8Array[];
  keyring: Uint8Array;
  manifestRoot: Uint8Array;
  nextRun: Num;
  pages: PageRef[];
}

/** Leaves what follows to be taken. @param hashes how many the history of its version has. */
export function takeClear(take: Take, hashes: number): Clear {
  const parent = take.raw(32);
  const [flushedThrough, floor] = [take.u64(), take.u64()];
  const history = Array.from({ length: hashes }, () => take.raw(32));
  const keyring = take.bytes();
  const manifestRoot = take.raw(32);
  const section = new Take(take.bytes());
  const nextRun = section.varint();
  const pages = section.list((): PageRef => {
    const form = section.u8();
    if (form === 0) return { inline: section.bytes(), id: NOTHING, bytes: 0, hash: NOTHING };
    if (form !== 1) throw new NotInFormat('expected page form 0 or 1');
    return { id: section.raw(24), bytes: section.varint(), hash: section.raw(32) };
  });
  section.end();
  return { parent, flushedThrough, floor, history, keyring, manifestRoot, nextRun, pages };
}

const NOTHING = new Uint8Array(0);

export function writeClear(clear: Clear, lies: Lies): Uint8Array {
  const section = new Put(lies);
  section.varint(clear.nextRun);
  section.list(clear.pages, ({ inline, id, bytes, hash }) => {
    if (inline) section.u8(0).bytes(inline);
    else section.u8(1).raw(id).varint(bytes).raw(hash);
  });
  const put = new Put(lies).raw(clear.parent).u64(clear.flushedThrough).u64(clear.floor);
  for (const hash of clear.history) put.raw(hash);
  return put.bytes(clear.keyring).raw(clear.manifestRoot).bytes(section.done()).done();
}

/** One segment as a page names it. */
export interface Listed {
  id: Uint8Array;
  bytes: Num;
  metaBytes: Num;
  root: Uint8Array;
  epoch: Num;
  level: Num;
  run: Num;
  stampVersion: Num;
  stampOrder: Num;
  minVersion: Num;
  maxVersion: Num;
  entries: Num;
  tombstones: Num;
  firstKey: Uint8Array;
  lastKey: Uint8Array;
}

type ListedClear = Pick<Listed, 'id' | 'bytes' | 'metaBytes' | 'root' | 'epoch'>;

export function takeListed(take: Take): ListedClear[] {
  return take.list(() => ({
    id: take.raw(24),
    bytes: take.varint(),
    metaBytes: take.varint(),
    root: take.raw(32),
    epoch: take.varint(),
  }));
}

export function writeListed(listed: readonly Listed[], lies: Lies): Uint8Array {
  const put = new Put(lies);
  put.list(listed, (e) => put.raw(e.id).varint(e.bytes).varint(e.metaBytes).raw(e.root).varint(e.epoch));
  return put.done();
}

export function readDetails(bytes: Uint8Array, clear: readonly ListedClear[]): Listed[] {
  const take = new Take(bytes);
  const listed = clear.map((segment) => ({
    ...segment,
    level: take.varint(),
    run: take.varint(),
    stampVersion: take.varint(),
    stampOrder: take.varint(),
    minVersion: take.varint(),
    maxVersion: take.varint(),
    entries: take.varint(),
    tombstones: take.varint(),
    firstKey: take.bytes(),
    lastKey: take.bytes(),
  }));
  take.end();
  return listed;
}

export function writeDetails(listed: readonly Listed[], lies: Lies): Uint8Array {
  const put = new Put(lies);
  for (const e of listed) {
    put.varint(e.level).varint(e.run).varint(e.stampVersion).varint(e.stampOrder);
    put.varint(e.minVersion).varint(e.maxVersion).varint(e.entries).varint(e.tombstones);
    put.bytes(e.firstKey).bytes(e.lastKey);
  }
  return put.done();
}

/** An entry of a block. */
export interface Held {
  key: Uint8Array;
  kind: Num;
  version: Num;
  order: Num;
  /** Kind 1. */
  value?: Uint8Array;
  /** Kind 2. */
  length?: Num;
  firstChunk?: Num;
}

export function readBlock(bytes: Uint8Array): Held[] {
  const restarts = new Take(bytes, bytes.length - 4).u32();
  const end = bytes.length - 4 - 4 * restarts;
  if (restarts === 0 || end <= 0) throw new NotInFormat('expected restarts that fit');
  const offsets = new Take(bytes, end);
  const starts = new Set(Array.from({ length: restarts }, () => offsets.u32()));
  const take = new Take(bytes, 0, end);
  const entries: Held[] = [];
  let before: Uint8Array = NOTHING;
  while (take.left > 0) {
    const isRestart = entries.length % 16 === 0;
    if (starts.has(take.at) !== isRestart) throw new NotInFormat('expected a restart every 16 entries');
    const shared = take.varint();
    if (shared > (isRestart ? 0 : before.length)) throw new NotInFormat('expected fewer shared bytes');
    const key = join(before.subarray(0, shared), take.bytes());
    if (entries.length > 0 && Buffer.compare(before, key) >= 0) throw new NotInFormat('expected order');
    const [kind, version, order] = [take.u8(), take.varint(), take.varint()];
    if (kind > 2) throw new NotInFormat('expected kind 0, 1 or 2');
    const entry: Held = { key, kind, version, order };
    if (kind === 1) entry.value = take.bytes();
    if (kind === 2) [entry.length, entry.firstChunk] = [take.varint(), take.varint()];
    entries.push(entry);
    before = key;
  }
  if (starts.size !== restarts || restarts !== Math.ceil(entries.length / 16))
    throw new NotInFormat('expected a restart for each 16 entries');
  return entries;
}

export function writeBlock(entries: readonly Held[], lies: Lies): Uint8Array {
  const put = new Put(lies);
  const restarts: number[] = [];
  let before: Uint8Array = NOTHING;
  for (const [i, e] of entries.entries()) {
    let shared = 0;
    if (i % 16 === 0) restarts.push(put.done().length);
    else while (shared < Math.min(e.key.length, before.length) && e.key[shared] === before[shared]) shared++;
    put.varint(lies.get(e) ?? shared).varint(lies.get(e.key) ?? e.key.length - shared);
    put.raw(e.key.subarray(shared)).u8(e.kind).varint(e.version).varint(e.order);
    if (e.value) put.bytes(e.value);
    if (e.length !== undefined) put.varint(e.length);
    if (e.firstChunk !== undefined) put.varint(e.firstChunk);
    before = e.key;
  }
  for (const offset of restarts) put.u32(offset);
  return put.u32(lies.get(entries) ?? restarts.length).done();
}

export interface Meta {
  blocks: { chunk: Num; firstKey: Uint8Array }[];
  lastKey: Uint8Array;
  entries: Num;
  tombstones: Num;
  minVersion: Num;
  maxVersion: Num;
  probes: Num;
  filter: Uint8Array;
}

export function readMeta(bytes: Uint8Array): Meta {
  const take = new Take(bytes);
  let chunk = 0;
  const meta: Meta = {
    blocks: take.list(() => {
      chunk += take.varint();
      return { chunk, firstKey: take.bytes() };
    }),
    lastKey: take.bytes(),
    entries: take.varint(),
    tombstones: take.varint(),
    minVersion: take.varint(),
    maxVersion: take.varint(),
    probes: take.u8(),
    filter: take.bytes(),
  };
  take.end();
  return meta;
}

export function writeMeta(meta: Meta, lies: Lies): Uint8Array {
  const put = new Put(lies);
  let before = 0n;
  put.list(meta.blocks, ({ chunk, firstKey }) => {
    put.varint(BigInt(chunk) - before).bytes(firstKey);
    before = BigInt(chunk);
  });
  put.bytes(meta.lastKey).varint(meta.entries).varint(meta.tombstones);
  put.varint(meta.minVersion).varint(meta.maxVersion);
  return put.u8(meta.probes).bytes(meta.filter).done();
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
