/**
 * The 116 clear bytes that every object carries: what it is, whose it is, which key opens it.
 *
 * | offset | bytes | field |
 * | ---: | ---: | --- |
 * | 0 | 4 | magic `HFST` |
 * | 4 | 1 | kind: 1 record, 2 segment, 3 manifest page, 4 intent |
 * | 5 | 1 | format version: 2 |
 * | 6 | 1 | suite |
 * | 7 | 1 | zero |
 * | 8 | 16 | database id |
 * | 24 | 24 | object id |
 * | 48 | 4 | key epoch, big-endian |
 * | 52 | 32 | salt |
 * | 84 | 32 | key commitment |
 */
import {
  type CryptoProvider,
  createObjectCipher,
  hedgedSalt,
  KeyringError,
  type ObjectCipher,
  type ObjectKind,
  type SuiteId,
} from '@holdfast/crypto';
import { type ByteReader, type ByteWriter, equalBytes } from './bytes.js';
import { corrupt, HoldfastError } from './errors.js';

export const ENVELOPE_BYTES = 116;
export const FORMAT_VERSION = 2;
const MAGIC = 0x48465354;

export interface Envelope {
  readonly kind: ObjectKind;
  readonly suite: SuiteId;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** 24 bytes. */
  readonly objectId: Uint8Array;
  readonly epoch: number;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** What sealing and opening need to know about the database; the same for all its objects. */
export interface Sealing {
  readonly provider: CryptoProvider;
  readonly suite: SuiteId;
  readonly databaseId: Uint8Array;
  readonly currentEpoch: number;
  /**
   * The 32-byte key of an epoch; zero bytes for suite 0.
   * @param signal ends the waiting for a key provider.
   * @throws KeyringError where there is none.
   */
  epochKey(epoch: number, signal?: AbortSignal): Promise<Uint8Array>;
  random(length: number): Uint8Array;
}

export function writeEnvelope(writer: ByteWriter, e: Envelope): void {
  writer.u32(MAGIC).u8(e.kind).u8(FORMAT_VERSION).u8(e.suite).u8(0);
  writer.raw(e.databaseId).raw(e.objectId).u32(e.epoch).raw(e.salt).raw(e.commitment);
}

/** @param object how errors name the object. */
export function readEnvelope(reader: ByteReader, kind: ObjectKind, object: string): Envelope {
  if (reader.u32() !== MAGIC) throw corrupt(object, 'expected the magic HFST at its start');
  const foundKind = reader.u8();
  const format = reader.u8();
  const suite = reader.u8();
  const zero = reader.u8();
  if (format !== FORMAT_VERSION || (suite !== 0 && suite !== 1) || zero !== 0)
    throw new HoldfastError(
      'UNSUPPORTED_FORMAT',
      `${object} has format ${format}, suite ${suite}, flags ${zero}; this build reads format ${FORMAT_VERSION}, suites 0 and 1, flags 0. Use a newer build.`,
    );
  if (foundKind !== kind) throw corrupt(object, `expected kind ${kind}, found ${foundKind}`);
  return {
    kind,
    suite,
    databaseId: reader.raw(16),
    objectId: reader.raw(24),
    epoch: reader.u32(),
    salt: reader.raw(32),
    commitment: reader.raw(32),
  };
}

/** A cipher for a new object, with the envelope that lets a reader derive it again. */
export async function newCipher(
  sealing: Sealing,
  kind: ObjectKind,
  objectId: Uint8Array,
  plaintextHash: Uint8Array,
  parent?: Uint8Array,
): Promise<{ cipher: ObjectCipher; envelope: Envelope }> {
  const { provider, suite, databaseId, currentEpoch: epoch } = sealing;
  const epochKey = await epochKeyFor(sealing, epoch, 'a new object', undefined);
  const salt = await hedgedSalt(provider, epochKey, sealing.random(32), objectId, plaintextHash);
  const cipher = await createObjectCipher(
    provider,
    suite,
    epochKey,
    { kind, databaseId, objectId, parent },
    salt,
  );
  return {
    cipher,
    envelope: { kind, suite, databaseId, objectId, epoch, salt, commitment: cipher.commitment },
  };
}

/**
 * The cipher of an object that exists. Its envelope must be this database's and name `objectId`.
 * @param o `parent`: of a record, its parent's hash; `signal` ends the waiting for the epoch's key.
 */
export async function openCipher(
  sealing: Sealing,
  envelope: Envelope,
  objectId: Uint8Array,
  object: string,
  o: { readonly parent?: Uint8Array; readonly signal?: AbortSignal | undefined } = {},
): Promise<ObjectCipher> {
  if (envelope.suite !== sealing.suite)
    throw corrupt(object, `expected suite ${sealing.suite}, found ${envelope.suite}`);
  if (!equalBytes(envelope.databaseId, sealing.databaseId))
    throw corrupt(object, 'it belongs to another database');
  if (!equalBytes(envelope.objectId, objectId))
    throw corrupt(object, 'it is another object of this database');
  const { kind, databaseId, salt } = envelope;
  const epochKey = await epochKeyFor(sealing, envelope.epoch, object, o.signal);
  const context = { kind, databaseId, objectId, parent: o.parent };
  const cipher = await createObjectCipher(sealing.provider, sealing.suite, epochKey, context, salt);
  if (!equalBytes(cipher.commitment, envelope.commitment))
    throw corrupt(object, `its key commitment is not that of epoch ${envelope.epoch}'s key`);
  return cipher;
}

/** An object's epoch is clear, so it may be anything: one that the keyring has not is the object's fault. */
async function epochKeyFor(
  sealing: Sealing,
  epoch: number,
  object: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    return await sealing.epochKey(epoch, signal);
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    if (error.code === 'CORRUPT') throw corrupt(object, error.message, error);
    throw new HoldfastError(error.code, `${object} could not be opened: ${error.message}`, { cause: error });
  }
}
