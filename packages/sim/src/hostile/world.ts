/**
 * A database as a holder of its keys sees it: every object opened and taken apart.
 */
import { CompactRange, leafHash } from '@holdfast/core';
import {
  createObjectCipher,
  defaultProvider,
  type Keyring,
  type ObjectCipher,
  openKeyring,
} from '@holdfast/crypto';
import { NotInFormat, Take } from './bytes.js';
import type { Image } from './image-store.js';
import { type Content, readContent } from './intent-layout.js';
import { checkContent } from './intent-rules.js';
import {
  type Body,
  type Clear,
  ENVELOPE,
  type Envelope,
  FOOTER,
  type Held,
  type Listed,
  type Meta,
  ROW,
  readBlock,
  readBody,
  readDetails,
  readMeta,
  takeClear,
  takeEnvelope,
  takeListed,
} from './layout.js';
import { ROOT_KEY } from './reference.js';

export const provider: ReturnType<typeof defaultProvider> = defaultProvider();
export const sha256: typeof provider.sha256 = provider.sha256;

export interface OpenedRecord {
  readonly version: number;
  readonly name: string;
  readonly envelope: Envelope;
  readonly clear: Clear;
  readonly body: Body;
  /** Ids of its manifest pages, in order, in hex. */
  readonly pages: readonly string[];
  readonly hash: Uint8Array;
  readonly size: number;
}

export interface OpenedPage {
  readonly envelope: Envelope;
  readonly listed: readonly Listed[];
  readonly bytes: Uint8Array;
}

export interface OpenedSegment {
  readonly name: string;
  readonly envelope: Envelope;
  readonly meta: Meta;
  /** A block's entries, or a value's piece. */
  readonly chunks: readonly (readonly Held[] | Uint8Array)[];
  /** Where each sealed chunk begins, and where the last one ends. */
  readonly chunkAt: readonly number[];
}

export interface OpenedIntent {
  readonly name: string;
  readonly envelope: Envelope;
  readonly writerId: Uint8Array;
  readonly k: number;
  readonly content: Content;
  /** What tables call it by. */
  readonly hash: Uint8Array;
}

/** Of every epoch that any record's keyring has. */
export type Keys = Pick<Keyring, 'epochKey'>;

export interface World {
  readonly image: Image;
  /** Undefined: without encryption. */
  readonly keys: Keys | undefined;
  /** From version 1 on. */
  readonly records: readonly OpenedRecord[];
  /** By id in hex, as are the segments. */
  readonly pages: ReadonlyMap<string, OpenedPage>;
  readonly segments: ReadonlyMap<string, OpenedSegment>;
  /** By name. */
  readonly intents: ReadonlyMap<string, OpenedIntent>;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const hexOf = (version: number): string => version.toString(16).padStart(16, '0');

/** Of a segment or a page. */
export function nameOf(folder: 'seg' | 'man', id: Uint8Array): string {
  return `${folder}/${hex(id).slice(2, 16)}-${hex(id).slice(16)}`;
}

function expectNamed({ kind, objectId }: Envelope, expected: number, isNamed = true): void {
  if (kind !== expected || !isNamed)
    throw new NotInFormat(`an object of another name or kind: ${hex(objectId)}`);
}

const NO_KEY = new Uint8Array(32);

export async function cipherOf(
  keys: Keys | undefined,
  envelope: Envelope,
  parent?: Uint8Array,
): Promise<ObjectCipher> {
  const { databaseId, objectId, salt } = envelope;
  const kind = envelope.kind as 1 | 2 | 3 | 4;
  const key = keys ? await keys.epochKey(envelope.epoch) : NO_KEY;
  return createObjectCipher(provider, keys ? 1 : 0, key, { kind, databaseId, objectId, parent }, salt);
}

async function opened(cipher: ObjectCipher, ...args: Parameters<ObjectCipher['open']>): Promise<Uint8Array> {
  const plaintext = await cipher.open(...args);
  if (plaintext === undefined) throw new Error('An object of the reference does not open.');
  return plaintext;
}

export const recordVersion = (name: string): number =>
  Number(2n ** 53n - 1n - BigInt(`0x${name.slice('log/'.length)}`));

export const historyHashes = (version: number): number =>
  [...(version - 1).toString(2)].filter((bit) => bit === '1').length;

/** Opens every object of an honest image. */
export async function openWorld(image: Image): Promise<World> {
  const records: OpenedRecord[] = [];
  const pages = new Map<string, OpenedPage>();
  const segments = new Map<string, OpenedSegment>();
  const rings = new Rings();
  let keys: Keys | undefined;
  for (const [name, bytes] of [...image].reverse()) {
    if (!name.startsWith('log/')) continue;
    const { envelope: clearEnvelope, clear } = takeRecord(name, bytes);
    if (clearEnvelope.suite === 1) {
      keys = rings;
      await rings.add(clearEnvelope.databaseId, clear.keyring);
    }
    const record = await openRecord(keys, name, bytes);
    const pageIds: string[] = [];
    for (const { inline, id } of clear.pages) {
      const page = inline ?? image.get(nameOf('man', id))!;
      const pageId = hex(page.subarray(24, 48));
      if (!pages.has(pageId)) pages.set(pageId, await openPage(keys, page));
      pageIds.push(pageId);
    }
    records.push({ ...record, pages: pageIds });
  }
  for (const { listed } of pages.values())
    for (const each of listed) {
      const id = hex(each.id);
      if (segments.has(id)) continue;
      const name = nameOf('seg', each.id);
      segments.set(id, await openSegment(keys, name, image.get(name)!));
    }
  const intents = new Map<string, OpenedIntent>();
  for (const [name, bytes] of image)
    if (name.startsWith('int/')) intents.set(name, await openIntent(keys, name, bytes));
  return { image, keys, records, pages, segments, intents };
}

function takeRecord(
  name: string,
  bytes: Uint8Array,
): Pick<OpenedRecord, 'envelope' | 'clear'> & { take: Take } {
  const take = new Take(bytes, 0, bytes.length - 32);
  const envelope = takeEnvelope(take);
  return { envelope, clear: takeClear(take, historyHashes(recordVersion(name))), take };
}

/** @param keys of the epoch that it is sealed under. */
export async function openRecord(
  keys: Keys | undefined,
  name: string,
  bytes: Uint8Array,
): Promise<Omit<OpenedRecord, 'pages'>> {
  const version = recordVersion(name);
  const { envelope, clear, take } = takeRecord(name, bytes);
  const aad = bytes.subarray(0, take.at);
  const cipher = await cipherOf(keys, envelope, clear.parent);
  const body = readBody(await opened(cipher, 0, true, take.raw(take.u32()), aad));
  const hash = bytes.slice(-32);
  expectNamed(envelope, 1, hex(envelope.objectId.subarray(0, 8)) === hexOf(version));
  if (hex(sha256(bytes.subarray(0, -32))) !== hex(hash)) throw new NotInFormat(`${name} has another hash`);
  return { version, name, envelope, clear, body, hash, size: bytes.length };
}

/** The keys of all these rings. */
class Rings implements Keys {
  readonly #rings = new Map<string, Keyring>();

  async add(databaseId: Uint8Array, keyring: Uint8Array): Promise<void> {
    if (this.#rings.has(hex(keyring))) return;
    const options = { provider, root: ROOT_KEY, databaseId, random: () => NO_KEY };
    this.#rings.set(hex(keyring), await openKeyring(options, keyring));
  }

  epochKey(epoch: number): Promise<Uint8Array> {
    const ring = [...this.#rings.values()].find(({ epochs }) => epochs.includes(epoch));
    if (!ring) throw new NotInFormat(`no keyring has epoch ${epoch}`);
    return ring.epochKey(epoch);
  }
}

async function openPage(keys: Keys | undefined, bytes: Uint8Array): Promise<OpenedPage> {
  const take = new Take(bytes);
  const envelope = takeEnvelope(take);
  expectNamed(envelope, 3);
  const clear = takeListed(take);
  const aad = bytes.subarray(0, take.at);
  const sealed = take.raw(take.u32());
  const details = await opened(await cipherOf(keys, envelope), 0, true, sealed, aad);
  return { envelope, listed: readDetails(details, clear), bytes };
}

async function openSegment(keys: Keys | undefined, name: string, bytes: Uint8Array): Promise<OpenedSegment> {
  const footer = new Take(bytes, bytes.length - FOOTER);
  const [count, metaBytes] = [footer.u32(), footer.u32()];
  const envelope = takeEnvelope(footer);
  expectNamed(envelope, 2, name === nameOf('seg', envelope.objectId));
  const cipher = await cipherOf(keys, envelope);
  const metaAt = bytes.length - FOOTER - metaBytes;
  const tableAt = metaAt - ROW * count;
  const table = bytes.subarray(tableAt, metaAt);
  const sealedMeta = bytes.subarray(metaAt, metaAt + metaBytes);
  const meta = readMeta(await opened(cipher, count, true, sealedMeta, table));
  const blocks = new Set(meta.blocks.map(({ chunk }) => chunk));
  const chunks: (readonly Held[] | Uint8Array)[] = [];
  const chunkAt = [0];
  for (let i = 0; i < count; i++) {
    const end = chunkAt[i]! + new Take(table, i * ROW).u32();
    const plaintext = await opened(cipher, i, false, bytes.subarray(chunkAt[i], end));
    chunks.push(blocks.has(i) ? readBlock(plaintext) : plaintext.slice());
    chunkAt.push(end);
  }
  return { name, envelope, meta, chunks, chunkAt };
}

/** @throws NotInFormat where it is not what FORMAT.md has, or not of that name. */
export async function openIntent(
  keys: Keys | undefined,
  name: string,
  bytes: Uint8Array,
): Promise<OpenedIntent> {
  const take = new Take(bytes);
  const envelope = takeEnvelope(take);
  const { objectId } = envelope;
  const [writerId, k] = [objectId.slice(0, 16), new Take(objectId, 16).u64()];
  expectNamed(envelope, 4, name === `int/${hex(writerId)}/${k}` && k > 0);
  const sealed = take.raw(take.u32());
  take.end();
  const cipher = await cipherOf(keys, envelope);
  const plaintext = await opened(cipher, 0, true, sealed, bytes.subarray(0, ENVELOPE));
  if (k === 1 && hex(sha256(plaintext).subarray(0, 16)) !== hex(writerId))
    throw new NotInFormat(`${name} is not the first intent of its writer`);
  const content = readContent(plaintext);
  checkContent(content);
  return { name, envelope, writerId, k, content, hash: sha256(bytes) };
}

/** The trees over the hashes of records 1 … i, for i from 0. */
export function historiesOf(hashes: readonly Uint8Array[]): CompactRange[] {
  const histories = [CompactRange.empty];
  for (const hash of hashes) histories.push(histories.at(-1)!.append(sha256, leafHash(sha256, hash)));
  return histories;
}
