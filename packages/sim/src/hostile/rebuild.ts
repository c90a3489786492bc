/**
 * Seals changed objects again with the right keys and hashes, and everything that names them: what a faulty holder
 * of the keys could have written. Also says what the changed objects now say, by the second reading of layout.ts.
 */
import { type CompactRange, leafHash, merkleRoot } from '@holdfast/core';
import { type Num, Put, Take } from './bytes.js';
import { type Content, writeContent } from './intent-layout.js';
import {
  type Body,
  type Clear,
  type Envelope,
  type Extension,
  type Held,
  type Lies,
  type Listed,
  type Meta,
  type PageRef,
  putEnvelope,
  readBody,
  readDetails,
  readMeta,
  takeClear,
  takeListed,
  writeBlock,
  writeBody,
  writeClear,
  writeDetails,
  writeListed,
  writeMeta,
} from './layout.js';
import {
  cipherOf,
  hex,
  historiesOf,
  historyHashes,
  type OpenedIntent,
  type OpenedSegment,
  openIntent,
  sha256,
  type World,
} from './world.js';

export interface SegmentTree {
  meta: Meta;
  chunks: (Held[] | Uint8Array)[];
}

/** What is changed. Objects that only name a changed one are put right by themselves. */
export interface Spec {
  readonly segments?: ReadonlyMap<string, SegmentTree>;
  /** Changes a page, or a record's parts, after what they say of other objects was put right. */
  readonly pages?: ReadonlyMap<string, (listed: Listed[]) => void>;
  readonly bodies?: ReadonlyMap<number, (body: Body) => void>;
  readonly clears?: ReadonlyMap<number, (clear: Clear) => void>;
  /** By name, which stays. */
  readonly intents?: ReadonlyMap<string, (content: Content) => void>;
  readonly lies?: Lies;
  /** Changes a part of a changed object just before it is sealed. */
  readonly edit?: (part: string, bytes: Uint8Array) => Uint8Array;
  /** Whether the manifest repeats what a changed segment's meta chunk says of it. */
  readonly agree?: boolean;
}

/** Undefined: it is not in the format. */
type Maybe<T> = T | undefined;

export interface SaidRecord {
  readonly version: number;
  readonly clear: Maybe<Clear>;
  readonly body: Maybe<Body>;
  /** What its pages say, in order. */
  readonly pages: readonly Maybe<readonly Listed[]>[];
  /** Where they lie. */
  readonly refs: readonly PageRef[];
  readonly hash: Uint8Array;
  readonly size: number;
  readonly suite: number;
  readonly epoch: number;
}

export interface SaidSegment {
  readonly bytes: number;
  readonly metaBytes: number;
  readonly root: Uint8Array;
  readonly epoch: number;
  readonly meta: Maybe<Meta>;
  /** Of each chunk: what it holds. */
  readonly chunks: readonly Uint8Array[];
  /** Whether table and footer are what the chunks are. */
  readonly isFramed: boolean;
}

export interface Rebuilt {
  readonly changes: Map<string, Uint8Array>;
  readonly records: readonly SaidRecord[];
  /** By id in hex: the changed ones. */
  readonly segments: ReadonlyMap<string, SaidSegment>;
  /** All that are in the format, by name. */
  readonly intents: ReadonlyMap<string, OpenedIntent>;
  /** Why the others are not. */
  readonly refusedIntents: ReadonlyMap<string, string>;
}

const orUndefined = <T>(read: () => T): Maybe<T> => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

export async function rebuild(world: World, spec: Spec): Promise<Rebuilt> {
  const { keys } = world;
  const lies = spec.lies ?? new Map<object, Num>();
  const changes = new Map<string, Uint8Array>();
  const edit = spec.edit ?? ((_: string, bytes: Uint8Array) => bytes);
  const segments = new Map<string, SaidSegment>();
  for (const [id, tree] of spec.segments ?? []) {
    const original = world.segments.get(id)!;
    const { said, bytes } = await sealSegment(world, original, tree, lies, edit);
    segments.set(id, said);
    changes.set(original.name, bytes);
  }

  const pages = new Map<string, { bytes: Uint8Array; listed: Maybe<Listed[]> }>();
  for (const [id, page] of world.pages) {
    const change = spec.pages?.get(id);
    if (!change && !page.listed.some((each) => segments.has(hex(each.id)))) continue;
    const listed = structuredClone(page.listed) as Listed[];
    for (const each of listed) {
      const said = segments.get(hex(each.id));
      if (!said) continue;
      const { bytes, metaBytes, root, epoch } = said;
      Object.assign(each, { bytes, metaBytes, root, epoch });
      if (spec.agree && said.meta) repeat(each, said.meta);
    }
    change?.(listed);
    const text = change ? edit : (_: string, bytes: Uint8Array) => bytes;
    const clear = text('listed', writeListed(listed, lies));
    const details = text('details', writeDetails(listed, lies));
    const put = new Put();
    putEnvelope(put, { ...page.envelope });
    const aad = put.raw(clear).done();
    const sealed = await (await cipherOf(keys, page.envelope)).seal(0, true, details, aad);
    const bytes = put.u32(sealed.length).raw(sealed).done();
    const reread = orUndefined(() => {
      const take = new Take(clear);
      const found = readDetails(details, takeListed(take));
      take.end();
      return found;
    });
    pages.set(id, { bytes, listed: reread });
  }

  const records: SaidRecord[] = [];
  let histories: CompactRange[] | undefined;
  for (const original of world.records) {
    const { version } = original;
    const changeBody = spec.bodies?.get(version);
    const changeClear = spec.clears?.get(version);
    const isChanged = changeBody !== undefined || changeClear !== undefined;
    const namesChanged = original.pages.some((id) => pages.has(id));
    if (histories === undefined && !isChanged && !namesChanged) {
      const listed = original.pages.map((id) => world.pages.get(id)!.listed);
      const { clear, body, hash, size } = original;
      const { suite, epoch } = original.envelope;
      const refs = clear.pages;
      records.push({ version, clear, body, pages: listed, refs, hash, size, suite, epoch });
      continue;
    }
    histories ??= historiesOf(records.map(({ hash }) => hash));
    const clear = structuredClone(original.clear) as Clear;
    clear.parent = records.at(-1)?.hash.slice() ?? clear.parent;
    clear.history = histories[version - 1]!.hashes.map((hash) => hash.slice());
    const refs = original.pages.map((id, i): PageRef => {
      const bytes = pages.get(id)?.bytes ?? world.pages.get(id)!.bytes;
      if (original.clear.pages[i]!.inline) return { ...original.clear.pages[i]!, inline: bytes };
      const name = `man/${id.slice(2, 16)}-${id.slice(16)}`;
      if (pages.has(id)) changes.set(name, bytes);
      const { level } = original.clear.pages[i]!;
      return { level, id: Buffer.from(id, 'hex'), bytes: bytes.length, hash: leafHash(sha256, bytes) };
    });
    clear.pages = structuredClone(refs);
    clear.manifestRoot = merkleRoot(
      sha256,
      refs.map(({ inline, hash }) => (inline ? leafHash(sha256, inline) : hash)),
    );
    for (const extension of clear.extensions) pinAnchored(extension, records);
    changeClear?.(clear);
    const body = structuredClone(original.body) as Body;
    for (const holder of body.holders) {
      const held = records[Number(holder.version) - 1]!;
      holder.hash = held.hash.slice();
      holder.bytes = held.size;
    }
    changeBody?.(body);
    const text = isChanged ? edit : (_: string, bytes: Uint8Array) => bytes;
    const clearBytes = text('clear', writeClear(clear, lies));
    const bodyBytes = text('body', writeBody(body, lies));
    const parent = clearBytes.slice(0, 32);
    const envelope: Envelope = { ...original.envelope };
    // A clear part without a parent can't be opened whatever it is sealed with.
    const cipher = await cipherOf(keys, envelope, parent.length === 32 ? parent : clear.parent);
    envelope.commitment = cipher.commitment;
    const put = new Put();
    putEnvelope(put, envelope);
    const aad = put.raw(clearBytes).done();
    const sealed = await cipher.seal(0, true, bodyBytes, aad);
    const hash = sha256(put.u32(sealed.length).raw(sealed).done());
    const bytes = put.raw(hash).done();
    changes.set(original.name, bytes);
    records.push({
      version,
      clear: orUndefined(() => {
        const take = new Take(clearBytes);
        const found = takeClear(take, historyHashes(version));
        take.end();
        return found;
      }),
      body: orUndefined(() => readBody(bodyBytes)),
      pages: original.pages.map((id) =>
        pages.has(id) ? pages.get(id)!.listed : world.pages.get(id)!.listed,
      ),
      refs,
      hash,
      size: bytes.length,
      suite: envelope.suite,
      epoch: envelope.epoch,
    });
    histories.push(histories[version - 1]!.append(sha256, leafHash(sha256, hash)));
  }
  const intents = new Map(world.intents);
  const refusedIntents = new Map<string, string>();
  for (const [name, change] of spec.intents ?? []) {
    const { envelope, content } = world.intents.get(name)!;
    const changed = structuredClone(content) as Content;
    change(changed);
    const bytes = await sealIntent(world, envelope, edit('intent', writeContent(changed, lies)));
    changes.set(name, bytes);
    try {
      intents.set(name, await openIntent(keys, name, bytes));
    } catch (error) {
      intents.delete(name);
      refusedIntents.set(name, (error as Error).message);
    }
  }
  return { changes, records, segments, intents, refusedIntents };
}

/** An intent of that content, wherever it stands. */
export async function sealIntent(
  { keys }: Pick<World, 'keys'>,
  envelope: Envelope,
  content: Uint8Array,
): Promise<Uint8Array> {
  const put = new Put();
  const cipher = await cipherOf(keys, envelope);
  putEnvelope(put, { ...envelope, commitment: cipher.commitment });
  const sealed = await cipher.seal(0, true, content, put.done());
  return put.u32(sealed.length).raw(sealed).done();
}

/** What the segments say as they are, by id in hex. */
export async function segmentsAsTheyAre(world: World): Promise<ReadonlyMap<string, SaidSegment>> {
  const trees = [...world.segments].map(
    ([id, { meta, chunks }]) => [id, { meta, chunks } as SegmentTree] as const,
  );
  return (await rebuild(world, { segments: new Map(trees) })).segments;
}

/** The hash of the anchored record, which may be another now. */
function pinAnchored(extension: Extension, records: readonly SaidRecord[]): void {
  const { type, bytes } = extension;
  if (type !== 2) return;
  const version = new Take(bytes).u64();
  extension.bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, 8), records[version - 1]!.hash]));
}

/** The manifest entry as the meta chunk has it. */
function repeat(each: Listed, meta: Meta): void {
  const { entries, tombstones, lastKey, blocks } = meta;
  const stamp = Number(each.stampVersion);
  const [min, max] = [Number(meta.minVersion), Number(meta.maxVersion)];
  Object.assign(each, {
    entries,
    tombstones,
    lastKey,
    firstKey: blocks[0]?.firstKey ?? each.firstKey,
    minVersion: stamp === 0 ? meta.minVersion : min === 0 ? stamp : Math.min(min, stamp),
    maxVersion: stamp === 0 ? meta.maxVersion : Math.max(max, stamp),
    earliestExpiry: meta.earliestExpiry,
    ranges: meta.ranges.length,
    ...(meta.ranges.length === 0
      ? { rangeBegin: undefined, rangeEnd: undefined }
      : { rangeBegin: meta.ranges[0]!.begin, rangeEnd: meta.ranges.at(-1)!.end }),
  });
}

async function sealSegment(
  world: World,
  original: OpenedSegment,
  tree: SegmentTree,
  lies: Lies,
  edit: (part: string, bytes: Uint8Array) => Uint8Array,
): Promise<{ said: SaidSegment; bytes: Uint8Array }> {
  const { envelope } = original;
  const cipher = await cipherOf(world.keys, envelope);
  const chunks = tree.chunks.map((chunk, i) =>
    edit(`chunk ${i}`, chunk instanceof Uint8Array ? chunk : writeBlock(chunk, lies)),
  );
  const sealed: Uint8Array[] = [];
  const rows = new Put();
  for (const [i, chunk] of chunks.entries()) {
    sealed.push(await cipher.seal(i, false, chunk));
    rows.u32(sealed[i]!.length).raw(leafHash(sha256, sealed[i]!));
  }
  const table = edit('table', rows.done());
  const metaText = edit('meta', writeMeta(tree.meta, lies));
  // A cipher of its own, as a short table makes it seal an index that a chunk has.
  const forger = await cipherOf(world.keys, envelope);
  const sealedMeta = await forger.seal(Math.floor(table.length / 36), true, metaText, table);
  const tail = new Put().u32(Math.floor(table.length / 36)).u32(sealedMeta.length);
  putEnvelope(tail, envelope);
  const footer = edit('footer', tail.done());
  const end = new Uint8Array(Buffer.concat([table, sealedMeta, footer]));
  const leaves = Array.from({ length: Math.floor(table.length / 36) }, (_, i) =>
    table.subarray(36 * i + 4, 36 * i + 36),
  );
  const bytes = new Uint8Array(Buffer.concat([...sealed, end]));
  const said: SaidSegment = {
    bytes: bytes.length,
    metaBytes: end.length,
    root: merkleRoot(sha256, [...leaves, leafHash(sha256, end)]),
    epoch: envelope.epoch,
    meta: orUndefined(() => readMeta(metaText)),
    chunks,
    isFramed: Buffer.compare(table, rows.done()) === 0 && Buffer.compare(footer, tail.done()) === 0,
  };
  return { said, bytes };
}
