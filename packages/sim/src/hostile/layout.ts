/**
 * FORMAT.md's structures, read and written slowly and by the book: a second reading, independent of the engine's.
 * It checks what can be seen in the bytes alone; what they must agree with elsewhere is the model's business.
 */
import { NotInFormat, type Num, Put, Take } from './bytes.js';
import { putTurn, type Turn, takeTurn } from './read-set.js';

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
  if (magic !== 'HFST' || format !== 2 || suite > 1 || zero !== 0) throw new NotInFormat('no envelope');
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
  put.raw(Uint8Array.of(0x48, 0x46, 0x53, 0x54, e.kind, 2, e.suite, 0));
  put.raw(e.databaseId).raw(e.objectId).u32(e.epoch).raw(e.salt).raw(e.commitment);
}

export interface Write {
  key: Uint8Array;
  /** 0 deleted, 1 value, 2 stream; 16 more: it expires. */
  form: Num;
  expires?: Num;
  /** Undefined: deleted. */
  value: Uint8Array | undefined;
}

/** A range of keys that is deleted. */
export interface Range {
  begin: Uint8Array;
  end: Uint8Array;
}

export interface CarriedRange extends Range {
  above: Num;
  order: Num;
}

/** The last intent of a writer that was decided. */
export interface Decided {
  writerId: Uint8Array;
  k: Num;
  hash: Uint8Array;
  version: Num;
  verdicts: { kind: Num; order?: Num }[];
}

export interface Extension {
  type: Num;
  critical: Num;
  bytes: Uint8Array;
}

export interface Carried extends Write {
  /** Its version, less the one after which the carry begins. */
  above: Num;
  order: Num;
}

export interface Body {
  writerId: Uint8Array;
  timeMs: Num;
  behindMs: Num;
  flags: Num;
  successor?: Uint8Array;
  turns: Turn[];
  stores: Uint8Array[];
  transactions: { readVersion: Num; bulkRun: Num; ranges: Range[]; writes: Write[] }[];
  intentFloor: Num;
  decided: Decided[];
  holders: { version: Num; hash: Uint8Array; bytes: Num }[];
  carriedRanges: CarriedRange[];
  carried: Carried[];
}

function takeWrite(take: Take): Write {
  return takeWriteOf(take, take.bytes(), take.u8());
}

/** What follows a key and a form. */
export function takeWriteOf(take: Take, key: Uint8Array, form: number): Write {
  if (form === 0) return { key, form, value: undefined };
  if (![1, 2, 17, 18].includes(form)) throw new NotInFormat('expected form 0, 1, 2, 17 or 18');
  if (form < 16) return { key, form, value: take.bytes() };
  const expires = take.varint();
  if (expires === 0) throw new NotInFormat('expected a time of expiry');
  return { key, form, expires, value: take.bytes() };
}

export function putWrite(put: Put, { key, form, expires, value }: Write): void {
  // What was a value and is deleted now, or the other way round.
  const said = value === undefined ? 0 : form === 0 ? 1 : form;
  put.bytes(key).u8(said);
  if (expires !== undefined && value !== undefined) put.varint(expires);
  if (value !== undefined) put.bytes(value);
}

/** @param apart whether one may not begin where the one before ends. */
export function takeRange(take: Take, before: Range | undefined, apart: boolean): Range {
  const range = { begin: take.bytes(), end: take.bytes() };
  const gap = before ? Buffer.compare(range.begin, before.end) : 1;
  if (Buffer.compare(range.begin, range.end) >= 0 || gap < 0 || (apart && gap === 0))
    throw new NotInFormat('expected ranges in order');
  return range;
}

export function putRange(put: Put, { begin, end }: Range): void {
  put.bytes(begin).bytes(end);
}

function takeDecided(take: Take, before: Decided | undefined): Decided {
  const decided: Decided = {
    writerId: take.raw(16),
    k: take.varint(),
    hash: take.raw(32),
    version: take.varint(),
    verdicts: take.list(() => {
      const kind = take.u8();
      if (kind > 3) throw new NotInFormat('expected a verdict');
      return kind === 0 ? { kind, order: take.varint() } : { kind };
    }),
  };
  if (before && Buffer.compare(before.writerId, decided.writerId) >= 0)
    throw new NotInFormat('expected writers in order');
  return decided;
}

/** A list whose items are told the one before them. */
export function inOrder<T>(take: Take, each: (before: T | undefined) => T): T[] {
  let before: T | undefined;
  return take.list(() => {
    before = each(before);
    return before;
  });
}

export function readBody(bytes: Uint8Array): Body {
  const take = new Take(bytes);
  const body: Body = {
    writerId: take.raw(16),
    timeMs: take.varint(),
    behindMs: take.varint(),
    ...takeFlags(take),
    turns: take.list(() => takeTurn(take)),
    stores: take.list(() => take.raw(8)),
    transactions: take.list(() => ({
      readVersion: take.varint(),
      bulkRun: take.varint(),
      ranges: inOrder<Range>(take, (before) => takeRange(take, before, true)),
      writes: take.list(() => takeWrite(take)),
    })),
    intentFloor: take.varint(),
    decided: inOrder<Decided>(take, (before) => takeDecided(take, before)),
    holders: take.list(() => ({ version: take.varint(), hash: take.raw(32), bytes: take.varint() })),
    carriedRanges: inOrder<CarriedRange>(take, (before) => ({
      ...takeRange(take, before, false),
      above: take.varint(),
      order: take.varint(),
    })),
    carried: take.list(() => ({ ...takeWrite(take), above: take.varint(), order: take.varint() })),
  };
  take.end();
  return body;
}

export function writeBody(body: Body, lies: Lies): Uint8Array {
  const put = new Put(lies);
  put.raw(body.writerId).varint(body.timeMs).varint(body.behindMs).u8(body.flags);
  if (body.successor) put.raw(body.successor);
  put.list(body.turns, (turn) => putTurn(put, turn));
  put.list(body.stores, (store) => put.raw(store));
  put.list(body.transactions, ({ readVersion, bulkRun, ranges, writes }) => {
    put.varint(readVersion).varint(bulkRun);
    put.list(ranges, (range) => putRange(put, range));
    put.list(writes, (write) => putWrite(put, write));
  });
  put.varint(body.intentFloor);
  put.list(body.decided, ({ writerId, k, hash, version, verdicts }) => {
    put.raw(writerId).varint(k).raw(hash).varint(version);
    put.list(verdicts, ({ kind, order }) => {
      put.u8(kind);
      if (order !== undefined) put.varint(order);
    });
  });
  put.list(body.holders, ({ version, hash, bytes }) => put.varint(version).raw(hash).varint(bytes));
  put.list(body.carriedRanges, ({ begin, end, above, order }) =>
    put.bytes(begin).bytes(end).varint(above).varint(order),
  );
  put.list(body.carried, (entry) => {
    putWrite(put, entry);
    put.varint(entry.above).varint(entry.order);
  });
  return put.done();
}

function takeFlags(take: Take): Pick<Body, 'flags' | 'successor'> {
  const flags = take.u8();
  if (flags > 3) throw new NotInFormat('expected flags 0 to 3');
  return flags >= 2 ? { flags, successor: take.raw(16) } : { flags };
}

export interface PageRef {
  level: Num;
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
  tiledThrough: Num;
  graceMs: Num;
  history: Uint8Array[];
  keyring: Uint8Array;
  manifestRoot: Uint8Array;
  nextRun: Num;
  pages: PageRef[];
  extensions: Extension[];
}

/** Leaves what follows to be taken. @param hashes how many the history of its version has. */
export function takeClear(take: Take, hashes: number): Clear {
  const parent = take.raw(32);
  const [flushedThrough, floor] = [take.u64(), take.u64()];
  const [tiledThrough, graceMs] = [take.u64(), take.u64()];
  const history = Array.from({ length: hashes }, () => take.raw(32));
  const keyring = take.bytes();
  const manifestRoot = take.raw(32);
  const section = new Take(take.bytes());
  const nextRun = section.varint();
  const pages = section.list((): PageRef => {
    const [level, form] = [section.u8(), section.u8()];
    if (form === 0) return { level, inline: section.bytes(), id: NOTHING, bytes: 0, hash: NOTHING };
    if (form !== 1) throw new NotInFormat('expected page form 0 or 1');
    return { level, id: section.raw(24), bytes: section.varint(), hash: section.raw(32) };
  });
  section.end();
  const extensions = take.list(() => ({ type: take.varint(), critical: take.u8(), bytes: take.bytes() }));
  return {
    parent,
    flushedThrough,
    floor,
    tiledThrough,
    graceMs,
    history,
    keyring,
    manifestRoot,
    nextRun,
    pages,
    extensions,
  };
}

const NOTHING = new Uint8Array(0);

export function writeClear(clear: Clear, lies: Lies): Uint8Array {
  const section = new Put(lies);
  section.varint(clear.nextRun);
  section.list(clear.pages, ({ level, inline, id, bytes, hash }) => {
    section.u8(level);
    if (inline) section.u8(0).bytes(inline);
    else section.u8(1).raw(id).varint(bytes).raw(hash);
  });
  const put = new Put(lies).raw(clear.parent).u64(clear.flushedThrough).u64(clear.floor);
  put.u64(clear.tiledThrough).u64(clear.graceMs);
  for (const hash of clear.history) put.raw(hash);
  put.bytes(clear.keyring).raw(clear.manifestRoot).bytes(section.done());
  put.list(clear.extensions, ({ type, critical, bytes }) => put.varint(type).u8(critical).bytes(bytes));
  return put.done();
}

/** One segment as a page names it. */
export interface Listed {
  id: Uint8Array;
  bytes: Num;
  metaBytes: Num;
  root: Uint8Array;
  epoch: Num;
  run: Num;
  stampVersion: Num;
  stampOrder: Num;
  minVersion: Num;
  maxVersion: Num;
  entries: Num;
  tombstones: Num;
  ranges: Num;
  /** Only if there are ranges. */
  rangeBegin?: Uint8Array;
  rangeEnd?: Uint8Array;
  earliestExpiry: Num;
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
    run: take.varint(),
    stampVersion: take.varint(),
    stampOrder: take.varint(),
    ...takeContents(take),
  }));
  take.end();
  return listed;
}

/** What is said of a segment's contents, in a page and in an intent. */
type Contents = Pick<
  Listed,
  | 'minVersion'
  | 'maxVersion'
  | 'entries'
  | 'tombstones'
  | 'ranges'
  | 'rangeBegin'
  | 'rangeEnd'
  | 'earliestExpiry'
  | 'firstKey'
  | 'lastKey'
>;

export function takeContents(take: Take): Contents {
  return {
    minVersion: take.varint(),
    maxVersion: take.varint(),
    entries: take.varint(),
    tombstones: take.varint(),
    ...takeReach(take),
    earliestExpiry: take.varint(),
    firstKey: take.bytes(),
    lastKey: take.bytes(),
  };
}

export function putContents(put: Put, e: Contents): void {
  put.varint(e.minVersion).varint(e.maxVersion).varint(e.entries).varint(e.tombstones);
  put.varint(e.ranges);
  if (e.rangeBegin && e.rangeEnd) put.bytes(e.rangeBegin).bytes(e.rangeEnd);
  put.varint(e.earliestExpiry).bytes(e.firstKey).bytes(e.lastKey);
}

function takeReach(take: Take): Pick<Listed, 'ranges' | 'rangeBegin' | 'rangeEnd'> {
  const ranges = take.varint();
  return ranges === 0 ? { ranges } : { ranges, rangeBegin: take.bytes(), rangeEnd: take.bytes() };
}

export function writeDetails(listed: readonly Listed[], lies: Lies): Uint8Array {
  const put = new Put(lies);
  for (const e of listed) {
    put.varint(e.run).varint(e.stampVersion).varint(e.stampOrder);
    putContents(put, e);
  }
  return put.done();
}

/** An entry of a block. */
export interface Held {
  key: Uint8Array;
  kind: Num;
  version: Num;
  order: Num;
  /** Kinds 16 and above. */
  expires?: Num;
  /** Kinds 1 and 3. */
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
    if (![0, 1, 2, 3, 17, 18, 19].includes(kind)) throw new NotInFormat('expected another kind');
    const entry: Held = { key, kind, version, order };
    if (kind > 16) entry.expires = take.varint();
    if (entry.expires === 0) throw new NotInFormat('expected a time of expiry');
    if (kind % 16 === 1 || kind % 16 === 3) entry.value = take.bytes();
    if (kind % 16 === 2) [entry.length, entry.firstChunk] = [take.varint(), take.varint()];
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
    if (e.expires !== undefined) put.varint(e.expires);
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
  earliestExpiry: Num;
  ranges: HeldRange[];
  probes: Num;
  filter: Uint8Array;
}

export interface HeldRange extends Range {
  version: Num;
  order: Num;
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
    earliestExpiry: take.varint(),
    ranges: inOrder<HeldRange>(take, (before) => ({
      ...takeRange(take, before, false),
      version: take.varint(),
      order: take.varint(),
    })),
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
  put.varint(meta.minVersion).varint(meta.maxVersion).varint(meta.earliestExpiry);
  put.list(meta.ranges, ({ begin, end, version, order }) =>
    put.bytes(begin).bytes(end).varint(version).varint(order),
  );
  return put.u8(meta.probes).bytes(meta.filter).done();
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
