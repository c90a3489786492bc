/**
 * What lies inside of a record's `bytes` and a stream's value, by FORMAT.md: extensions, the keyring, descriptors of
 * streams. Read only: a mutation changes their bytes.
 */
import { NotInFormat, Take } from './bytes.js';
import type { Clear, Extension } from './layout.js';

export interface Policy {
  tier: number;
  everyCommits: number;
  anchors: Uint8Array[];
}

export interface Signer {
  publicKey: Uint8Array;
  from: number;
  until: number;
}

/** The known extensions of a record, taken apart. */
export interface Said {
  policy?: Policy;
  anchored?: { version: number; hash: Uint8Array };
  signers?: Signer[];
  retiredEpochs?: number[];
}

const CRITICAL: Readonly<Record<number, number>> = { 1: 1, 2: 0, 3: 1, 4: 1 };

/** @param version the record's. */
export function readExtensions(extensions: readonly Extension[], version: number): Said {
  const said: Said = {};
  let before = 0;
  for (const { type, critical, bytes } of extensions) {
    must(Number(type) > before, 'extensions out of order');
    before = Number(type);
    must(critical === (CRITICAL[before] ?? 0), 'a critical extension');
    const take = new Take(bytes);
    if (before === 1) said.policy = takePolicy(take);
    else if (before === 2) said.anchored = { version: take.u64(), hash: take.raw(32) };
    else if (before === 3) said.signers = takeSigners(take, version);
    else if (before === 4) said.retiredEpochs = take.list(() => take.u32());
    else continue;
    take.end();
  }
  const { anchored, retiredEpochs } = said;
  must(!anchored || (anchored.version >= 1 && anchored.version < version), 'an anchored version');
  must(!retiredEpochs || (retiredEpochs.length > 0 && ascends(retiredEpochs, 0)), 'retired epochs');
  return said;
}

function takePolicy(take: Take): Policy {
  const policy = { tier: take.u8(), everyCommits: take.varint(), anchors: take.list(() => take.bytes()) };
  must(policy.tier <= 3 && (policy.tier === 2) === policy.everyCommits > 0, 'a policy');
  for (const [i, id] of policy.anchors.entries())
    must(
      id.length >= 1 && id.length <= 64 && (i === 0 || Buffer.compare(policy.anchors[i - 1]!, id) < 0),
      'an anchor',
    );
  return policy;
}

function takeSigners(take: Take, version: number): Signer[] {
  const signers = take.list(() => ({ publicKey: take.raw(32), from: take.u64(), until: take.u64() }));
  must(signers.length > 0, 'no signers');
  for (const [i, { publicKey, from, until }] of signers.entries()) {
    const before = signers[i - 1];
    const order = before ? Buffer.compare(before.publicKey, publicKey) || before.from - from : -1;
    must(order < 0, 'signers out of order');
    must(from >= 1 && from <= version && (until === 0 || until >= from), 'the versions of a signer');
  }
  return signers;
}

/** What the area weighs: its share of a record. */
export function extensionBytes({ extensions }: Pick<Clear, 'extensions'>): number {
  const varint = (value: number): number => 1 + Math.floor(Math.log2(Math.max(1, value)) / 7);
  return extensions.reduce(
    (sum, { type, bytes }) => sum + varint(Number(type)) + 1 + varint(bytes.length) + bytes.length,
    varint(extensions.length),
  );
}

/** The epochs of a keyring that is not empty. */
export function readEpochs(keyring: Uint8Array): number[] {
  const take = new Take(keyring);
  const [version, kind] = [take.u8(), take.u8()];
  must(version === 1 && (kind === 1 || kind === 2), 'a keyring of another kind');
  take.raw(32);
  const count = 256 * take.u8() + take.u8();
  const epochs = Array.from({ length: count }, () => {
    const epoch = take.u32();
    take.raw(256 * take.u8() + take.u8());
    return epoch;
  });
  take.end();
  must(count > 0 && ascends(epochs, 0), 'epochs out of order');
  return epochs;
}

export interface Stream {
  length: number;
  /** Ids of segments. */
  parts: Uint8Array[];
}

export const PART = 8_388_608;
const STREAM_MAX = 5 * 2 ** 30;

export function readStream(value: Uint8Array): Stream {
  const take = new Take(value);
  const stream = { length: take.varint(), parts: take.list(() => take.raw(24)) };
  take.end();
  must(
    stream.length <= STREAM_MAX && stream.parts.length === Math.ceil(stream.length / PART),
    'a stream in other parts',
  );
  return stream;
}

function ascends(numbers: readonly number[], from: number): boolean {
  return numbers.every((number, i) => number > (numbers[i - 1] ?? from));
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}
