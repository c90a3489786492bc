/**
 * What one would write without a database: the whole state as one encrypted object.
 *
 * It is as fast as that can be: msgpackr with records, AES-256-GCM of node:crypto, one GET, one PUT that holds
 * only if nobody else has written. Retries after a lost race are left out: the benchmark has none.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ObjectStore } from '@holdfast/object-store';
import { Packr } from 'msgpackr';
import { type Counter, ROOT_KEY } from './sample-state.js';

export const BLOB_NAME = 'state';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export type State = Map<string, Counter>;

const packr = new Packr();

export function sealState(state: State): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', ROOT_KEY, nonce);
  const sealed = cipher.update(packr.pack(state));
  cipher.final();
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
}

export function openState(bytes: Uint8Array): State {
  const decipher = createDecipheriv('aes-256-gcm', ROOT_KEY, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const plaintext = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
  decipher.final();
  return packr.unpack(plaintext) as State;
}

/** Adds one to a counter. Resolves to the bytes that went over the network, and what to keep for the next time. */
export async function incrementNaive(
  store: ObjectStore,
  name: string,
  kept?: { readonly state: State; readonly etag: string },
): Promise<{ bytes: number; state: State; etag: string }> {
  let bytes = 0;
  let held = kept;
  if (held === undefined) {
    const found = await store.get(BLOB_NAME);
    if (found === undefined) throw new Error('The naive blob is missing.');
    bytes += found.bytes.length;
    held = { state: openState(found.bytes), etag: found.etag };
  }
  const { state } = held;
  const before = state.get(name);
  if (before === undefined) throw new Error(`The naive blob has no ${name}.`);
  state.set(name, { ...before, count: before.count + 1 });
  const sealed = sealState(state);
  bytes += sealed.length;
  const put = await store.put(BLOB_NAME, sealed, { ifMatch: held.etag });
  if (put.occupied) throw new Error('Somebody else has written the naive blob during the benchmark.');
  return { bytes, state, etag: put.etag };
}
