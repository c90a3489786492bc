/**
 * The extension area of a record: typed entries that everybody can read, and the record's hash covers (FORMAT.md,
 * "Extensions").
 *
 * Invariants:
 * - An entry that this build does not know stops it where the entry is critical, and is passed on where it is not.
 * - One area has one encoding: types ascend, what is empty is not written.
 */
import { HASH_BYTES } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, compareBytes, copyBytes } from '../object/bytes.js';
import { HoldfastError } from '../object/errors.js';

const EXTENSIONS_MAX = 64;
const EXTENSIONS_BYTES_MAX = 64 * 1024;
const PUBLIC_KEY_BYTES = 32;
const ANCHOR_ID_BYTES_MAX = 64;

const TYPE = { policy: 1, anchored: 2, signers: 3, retiredEpochs: 4 } as const;
const CRITICAL: ReadonlySet<number> = new Set([TYPE.policy, TYPE.signers, TYPE.retiredEpochs]);
const KNOWN: ReadonlySet<number> = new Set(Object.values(TYPE));

/** What every writer of the database must hold to. */
export interface Policy {
  /** 0: integrity, 1: receipts, 2: an anchor every so many commits, 3: an anchor before each answer. */
  readonly tier: 0 | 1 | 2 | 3;
  /** Of tier 2: how many commits an anchor may lag; else 0. */
  readonly everyCommits: number;
  /** Each 1 to 64 bytes, ascending. */
  readonly anchors: readonly Uint8Array[];
}

/** The newest record that an anchor confirms, as its writer knew. */
export interface Anchored {
  readonly version: number;
  readonly hash: Uint8Array;
}

export interface Signer {
  /** Ed25519, 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array;
  /** Its signatures count for the versions from here … */
  readonly from: number;
  /** … up to here; 0: without end. */
  readonly until: number;
}

/** An entry that this build does not know, and need not. */
export interface OtherExtension {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface Extensions {
  readonly policy?: Policy | undefined;
  readonly anchored?: Anchored | undefined;
  /** Ascending by public key, then `from`. */
  readonly signers?: readonly Signer[] | undefined;
  /** Epochs that this record takes out of the keyring, ascending. Of this record alone: never passed on. */
  readonly retiredEpochs?: readonly number[] | undefined;
  readonly others?: readonly OtherExtension[] | undefined;
}

export const NO_EXTENSIONS: Extensions = Object.freeze({});

/** What the next record says too. */
export function passedOn({ retiredEpochs: _, ...rest }: Extensions): Extensions {
  return rest;
}

/** @throws HoldfastError LIMIT_EXCEEDED where there is more than an area takes. */
export function encodeExtensions(extensions: Extensions): Uint8Array {
  const { policy, anchored, signers, retiredEpochs, others = [] } = extensions;
  const entries: OtherExtension[] = [...others];
  const add = (type: number, write: (writer: ByteWriter) => void): void => {
    const writer = new ByteWriter();
    write(writer);
    entries.push({ type, bytes: writer.finish() });
  };
  if (policy)
    add(TYPE.policy, (writer) => {
      writer.u8(policy.tier).varint(policy.everyCommits).varint(policy.anchors.length);
      for (const id of policy.anchors) writer.bytes(id);
    });
  if (anchored) add(TYPE.anchored, (writer) => writer.u64(anchored.version).raw(anchored.hash));
  if (signers?.length)
    add(TYPE.signers, (writer) => {
      writer.varint(signers.length);
      for (const { publicKey, from, until } of signers) writer.raw(publicKey).u64(from).u64(until);
    });
  if (retiredEpochs?.length)
    add(TYPE.retiredEpochs, (writer) => {
      writer.varint(retiredEpochs.length);
      for (const epoch of retiredEpochs) writer.u32(epoch);
    });
  entries.sort((a, b) => a.type - b.type);
  const area = new ByteWriter().varint(entries.length);
  for (const { type, bytes } of entries)
    area
      .varint(type)
      .u8(CRITICAL.has(type) ? 1 : 0)
      .bytes(bytes);
  if (entries.length > EXTENSIONS_MAX || area.length > EXTENSIONS_BYTES_MAX)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `a record's extensions would be ${entries.length} entries in ${area.length} bytes, at most ${EXTENSIONS_MAX} and ${EXTENSIONS_BYTES_MAX} are allowed; nothing was written`,
    );
  return area.finish();
}

/**
 * Reads the area; what it yields are copies.
 * @param version the record's.
 * @throws HoldfastError CORRUPT, or UNSUPPORTED_FORMAT where it has a critical entry that this build does not know.
 */
export function readExtensions(reader: ByteReader, object: string, version: number): Extensions {
  const start = reader.offset;
  const count = reader.count(3);
  if (count > EXTENSIONS_MAX)
    throw reader.corrupt(`expected at most ${EXTENSIONS_MAX} extensions, found ${count}`);
  const found: { -readonly [K in keyof Extensions]: Extensions[K] } = {};
  const others: OtherExtension[] = [];
  let before = 0;
  for (let left = count; left > 0; left--) {
    const type = reader.varint();
    if (type <= before)
      throw reader.corrupt(`expected an extension of a type above ${before}, found ${type}`);
    before = type;
    const critical = reader.u8();
    const bytes = copyBytes(reader.bytes());
    if (critical > 1 || (KNOWN.has(type) && (critical === 1) !== CRITICAL.has(type)))
      throw reader.corrupt(`expected extension ${type} with its own critical bit, found ${critical}`);
    const entry = new ByteReader(bytes, `${object} (extension ${type})`);
    if (type === TYPE.policy) found.policy = readPolicy(entry);
    else if (type === TYPE.anchored) found.anchored = readAnchored(entry, version);
    else if (type === TYPE.signers) found.signers = readSigners(entry, version);
    else if (type === TYPE.retiredEpochs) found.retiredEpochs = readEpochs(entry);
    else if (critical === 1)
      throw new HoldfastError(
        'UNSUPPORTED_FORMAT',
        `${object} has extension ${type}, which this build does not know and must not ignore. Use a newer build.`,
      );
    else {
      others.push({ type, bytes });
      continue;
    }
    entry.end();
  }
  if (reader.offset - start > EXTENSIONS_BYTES_MAX)
    throw reader.corrupt(
      `expected at most ${EXTENSIONS_BYTES_MAX} bytes of extensions, found ${reader.offset - start}`,
    );
  if (others.length > 0) found.others = others;
  return found;
}

function readPolicy(reader: ByteReader): Policy {
  const tier = reader.u8();
  const everyCommits = reader.varint();
  if (tier > 3 || (tier === 2) !== everyCommits > 0)
    throw reader.corrupt(
      `expected a tier from 0 to 3, and commits of tier 2 only, found ${tier}, ${everyCommits}`,
    );
  const anchors: Uint8Array[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const id = copyBytes(reader.bytes());
    const before = anchors.at(-1);
    if (id.length === 0 || id.length > ANCHOR_ID_BYTES_MAX || (before && compareBytes(before, id) >= 0))
      throw reader.corrupt(`expected ids of 1 to ${ANCHOR_ID_BYTES_MAX} bytes in ascending order`);
    anchors.push(id);
  }
  return { tier: tier as Policy['tier'], everyCommits, anchors };
}

function readAnchored(reader: ByteReader, version: number): Anchored {
  const anchored = reader.u64();
  if (anchored < 1 || anchored >= version)
    throw reader.corrupt(`expected an anchored version from 1, below ${version}, found ${anchored}`);
  return { version: anchored, hash: reader.copy(HASH_BYTES) };
}

function readSigners(reader: ByteReader, version: number): Signer[] {
  const signers: Signer[] = [];
  for (let left = reader.count(PUBLIC_KEY_BYTES + 16); left > 0; left--) {
    const signer = { publicKey: reader.copy(PUBLIC_KEY_BYTES), from: reader.u64(), until: reader.u64() };
    const before = signers.at(-1);
    const order = before ? compareBytes(before.publicKey, signer.publicKey) || before.from - signer.from : -1;
    if (order >= 0) throw reader.corrupt('expected signers in ascending order');
    if (signer.from < 1 || signer.from > version || (signer.until !== 0 && signer.until < signer.from))
      throw reader.corrupt(
        `expected a signer's versions from 1 to ${version} and not backwards, found ${signer.from} to ${signer.until}`,
      );
    signers.push(signer);
  }
  if (signers.length === 0) throw reader.corrupt('expected a signer, found none');
  return signers;
}

function readEpochs(reader: ByteReader): number[] {
  const epochs: number[] = [];
  for (let left = reader.count(4); left > 0; left--) {
    const epoch = reader.u32();
    if (epoch <= (epochs.at(-1) ?? 0)) throw reader.corrupt('expected epochs from 1 in ascending order');
    epochs.push(epoch);
  }
  if (epochs.length === 0) throw reader.corrupt('expected an epoch, found none');
  return epochs;
}
