/**
 * Intents: sealed objects in which a process announces transactions, for others to carry in their records (FORMAT.md,
 * "Intents").
 *
 * Invariants:
 * - Nothing rests on the object: it may be gone, late or shown again. What counts is said by records, by its hash.
 * - A writer id belongs to one first intent: it is made of that intent's content, so two processes never share one that
 *   neither has used.
 * - An intent is at most `INTENT_BYTES_MAX` long: no writer makes a longer one, no reader takes it.
 */
import { CHUNK_OVERHEAD_BYTES, OBJECT_KIND } from '@holdfast/crypto';
import { ByteReader, ByteWriter, copyBytes, equalBytes } from '../object/bytes.js';
import {
  ENVELOPE_BYTES,
  newCipher,
  openCipher,
  readEnvelope,
  type Sealing,
  writeEnvelope,
} from '../object/envelope.js';
import { corrupt, HoldfastError } from '../object/errors.js';
import { intentName, OBJECT_ID_BYTES } from '../object/names.js';
import { decodeIntent, encodeIntent, type Intent } from './intent-body.js';
import { WRITER_ID_BYTES } from './intents.js';

/** The most bytes that an intent has. */
export const INTENT_BYTES_MAX: number = 2 * 1024 * 1024;

/** Where an intent stands: number `k` of those of `writerId`. */
export interface IntentPlace {
  /** The first 16 bytes of SHA-256 of the content of its intent 1. */
  readonly writerId: Uint8Array;
  /** From 1. */
  readonly k: number;
}

export interface SealedIntent extends IntentPlace {
  readonly bytes: Uint8Array;
  /** SHA-256 of its bytes: what tables say of it. */
  readonly hash: Uint8Array;
}

/**
 * Seals an intent, once: sealed anew it has another hash, and is another intent.
 * @param place `first`: it begins a writer id. Else the id, and a number from 2.
 * @param nonce 16 random bytes.
 * @throws HoldfastError LIMIT_EXCEEDED where it would take more than INTENT_BYTES_MAX: nothing is sealed then.
 */
export async function sealIntent(
  sealing: Sealing,
  intent: Intent,
  place: IntentPlace | 'first',
  nonce: Uint8Array,
): Promise<SealedIntent> {
  const plaintext = encodeIntent(intent, nonce);
  const contentHash = sealing.provider.sha256(plaintext);
  const { writerId, k } = place === 'first' ? { writerId: firstId(contentHash), k: 1 } : place;
  if (place !== 'first' && k < 2)
    throw new RangeError(`expected a number from 2 behind a first intent, found ${k}`);
  const length = ENVELOPE_BYTES + 4 + plaintext.length + CHUNK_OVERHEAD_BYTES;
  if (length > INTENT_BYTES_MAX)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `${intentName(writerId, k)} would take ${length} bytes, at most ${INTENT_BYTES_MAX} are allowed; nothing was written. Announce less at once`,
    );
  const { cipher, envelope } = await newCipher(
    sealing,
    OBJECT_KIND.intent,
    idOf({ writerId, k }),
    contentHash,
  );
  const writer = new ByteWriter(length);
  writeEnvelope(writer, envelope);
  const sealed = await cipher.seal(0, true, plaintext, writer.view());
  const bytes = writer.u32(sealed.length).raw(sealed).finish();
  return { writerId, k, bytes, hash: sealing.provider.sha256(bytes) };
}

/**
 * Opens an intent. Who looks for others' takes one that is refused for one that is not there.
 * @param sealing with a keyring that has its epoch, whichever that is.
 * @param place what its name says.
 * @param signal ends the waiting for its epoch's key.
 * @throws HoldfastError CORRUPT, or UNSUPPORTED_FORMAT where its envelope names another format.
 */
export async function openIntent(
  sealing: Sealing,
  bytes: Uint8Array,
  place: IntentPlace,
  signal?: AbortSignal,
): Promise<{ intent: Intent; hash: Uint8Array }> {
  const object = intentName(place.writerId, place.k);
  if (bytes.length > INTENT_BYTES_MAX)
    throw corrupt(object, `expected at most ${INTENT_BYTES_MAX} bytes, found ${bytes.length}`);
  const reader = new ByteReader(bytes, object);
  const envelope = readEnvelope(reader, OBJECT_KIND.intent, object);
  const sealed = reader.raw(reader.u32());
  reader.end();
  const cipher = await openCipher(sealing, envelope, idOf(place), object, { signal });
  const plaintext = await cipher.open(0, true, sealed, bytes.subarray(0, ENVELOPE_BYTES));
  if (!plaintext) throw corrupt(object, 'its content fails authentication');
  if (place.k === 1 && !equalBytes(firstId(sealing.provider.sha256(plaintext)), place.writerId))
    throw corrupt(object, 'expected a writer id that is made of its content, as a first intent has');
  return { intent: decodeIntent(plaintext, object), hash: sealing.provider.sha256(bytes) };
}

function firstId(contentHash: Uint8Array): Uint8Array {
  return copyBytes(contentHash.subarray(0, WRITER_ID_BYTES));
}

/** The object id of its envelope. */
function idOf({ writerId, k }: IntentPlace): Uint8Array {
  return new ByteWriter(OBJECT_ID_BYTES).raw(writerId).u64(k).finish();
}
