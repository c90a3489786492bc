/**
 * The bytes of a keyring:
 *
 * ```
 * version u8 = 1 || kind u8 || root commitment 32 || count u16 || count × (epoch u32 || length u16 || wrapped key)
 * ```
 *
 * Kind 1 is a raw root key, kind 2 a key provider (its commitment is zero). Epochs ascend strictly, the last is
 * the current one. Every byte is hostile: a length is checked before anything is read, there is one encoding
 * of each ring, and what does not fit is CORRUPT.
 */
import { KeyringError } from './keyring-error.js';

export const ROOT_KIND: { readonly raw: 1; readonly provider: 2 } = { raw: 1, provider: 2 };
export type RootKind = 1 | 2;

export const EPOCH_MAX = 0xffff_ffff;
export const EPOCH_COUNT_MAX = 0xffff;
export const WRAPPED_BYTES_MAX = 0xffff;

export interface KeyringParts {
  readonly kind: RootKind;
  /** 32 bytes. */
  readonly rootCommitment: Uint8Array;
  /** By epoch, ascending; never empty. */
  readonly wrapped: ReadonlyMap<number, Uint8Array>;
}

const VERSION = 1;
const HEADER_BYTES = 1 + 1 + 32 + 2;
const ENTRY_HEADER_BYTES = 4 + 2;

export function encodeKeyring({ kind, rootCommitment, wrapped }: KeyringParts): Uint8Array {
  let length = HEADER_BYTES;
  for (const key of wrapped.values()) length += ENTRY_HEADER_BYTES + key.length;

  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, kind);
  bytes.set(rootCommitment, 2);
  view.setUint16(34, wrapped.size);
  let offset = HEADER_BYTES;
  for (const [epoch, key] of wrapped) {
    view.setUint32(offset, epoch);
    view.setUint16(offset + 4, key.length);
    bytes.set(key, offset + ENTRY_HEADER_BYTES);
    offset += ENTRY_HEADER_BYTES + key.length;
  }
  return bytes;
}

/** Copies the bytes first, so that a change of the array cannot reach the ring. @throws KeyringError CORRUPT */
export function decodeKeyring(encoded: Uint8Array): KeyringParts {
  const bytes = new Uint8Array(encoded);
  if (bytes.length < HEADER_BYTES) {
    throw corrupt(`expected at least ${HEADER_BYTES} bytes, found ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer);
  const version = view.getUint8(0);
  if (version !== VERSION) throw corrupt(`expected version ${VERSION}, found ${version} at offset 0`);
  const kind = view.getUint8(1);
  if (kind !== ROOT_KIND.raw && kind !== ROOT_KIND.provider) {
    throw corrupt(`expected root kind 1 or 2, found ${kind} at offset 1`);
  }
  const rootCommitment = bytes.subarray(2, 34);
  if (kind === ROOT_KIND.provider && rootCommitment.some((byte) => byte !== 0)) {
    throw corrupt('expected no root commitment beside a key provider, found one at offset 2');
  }
  const count = view.getUint16(34);
  if (count === 0) throw corrupt('expected at least one epoch, found none at offset 34');

  const wrapped = new Map<number, Uint8Array>();
  let offset = HEADER_BYTES;
  let previous = 0;
  for (let i = 0; i < count; i++) {
    if (bytes.length - offset < ENTRY_HEADER_BYTES)
      throw corrupt(`the bytes end within entry ${i} of ${count}`);
    const epoch = view.getUint32(offset);
    const length = view.getUint16(offset + 4);
    if (epoch <= previous)
      throw corrupt(`expected an epoch above ${previous}, found ${epoch} at offset ${offset}`);
    offset += ENTRY_HEADER_BYTES;
    if (bytes.length - offset < length) throw corrupt(`the bytes end within the key of epoch ${epoch}`);
    wrapped.set(epoch, bytes.subarray(offset, offset + length));
    offset += length;
    previous = epoch;
  }
  if (offset !== bytes.length) {
    throw corrupt(`expected the end at offset ${offset}, found ${bytes.length - offset} more bytes`);
  }
  return { kind, rootCommitment, wrapped };
}

/**
 * The epochs that a keyring has keys of, ascending; none of no bytes at all. It takes no key to see them.
 * @throws KeyringError CORRUPT
 */
export function keyringEpochs(encoded: Uint8Array): number[] {
  return encoded.length === 0 ? [] : [...decodeKeyring(encoded).wrapped.keys()];
}

function corrupt(what: string): KeyringError {
  return new KeyringError('CORRUPT', `keyring: ${what}; its bytes are not what was written`);
}
