/**
 * `setStream`: the parts are uploaded, and then one transaction writes the key and names them.
 *
 * Invariants:
 * - The source is read once, so only the transaction can run again, on the same parts: it reads nothing but its
 *   request's entry.
 * - A request that was committed before is answered before the source is read.
 */
import type { Key } from '@holdfast/core';
import { uploadStream } from '../commit/stream-upload.js';
import { uploadTooOld } from '../commit/validate.js';
import { type ByteSource, Chunks } from '../context/byte-source.js';
import { userKey } from '../reading/entry-reader.js';
import { replay } from '../requests/requests.js';
import type { StoredAndBytes } from '../state/space.js';
import { EXPIRY_OPTIONS, type Expiry, type ExpiryOptions, takeExpiry } from './expiry.js';
import type { OneWrite } from './one-write.js';
import { type Committed, runTransaction, type TransactCall, type TransactParts } from './transact.js';

/** A `setStream` as it was called. */
interface StreamWrite extends Pick<OneWrite, 'input' | 'takes'> {
  readonly at: StoredAndBytes;
  readonly source: Chunks;
  readonly expiry: Expiry | undefined;
}

/** @throws TypeError, RangeError. Nothing is read of the source. */
export function settingStream(key: Key, source: ByteSource, options: ExpiryOptions | undefined): StreamWrite {
  const at = userKey(key);
  const expiry = takeExpiry('setStream', options);
  return {
    at,
    source: new Chunks('setStream', source),
    expiry,
    // Without the bytes: they are not known before they are read, and a repeated call is not to read them.
    input: () => ['setStream', at.bytes, ...(expiry ? [expiry] : [])],
    takes: EXPIRY_OPTIONS,
  };
}

export async function setStream(
  parts: TransactParts,
  { at, source, expiry }: StreamWrite,
  call: TransactCall,
): Promise<Committed<unknown>> {
  const { context, tip } = parts;
  const { signal, meter, request } = call;
  try {
    signal?.throwIfAborted();
    // What is uploaded is as safe as this version is new.
    const view = await tip.refresh(signal);
    if (request) {
      const { stored, bytes } = request.entry.at;
      const found = await view.get(stored, bytes, { signal, meter });
      const known = replay(request.entry, request.digest, found);
      if (known) {
        source.stop(new Error('This request was committed before.'));
        return known;
      }
    }
    const { version: baseVersion } = view;
    const check = async (): Promise<void> => {
      context.lifetime.checkBegun();
      // Better to be told after one part than after all of them.
      const { floor } = tip.isStale() ? await tip.refresh(signal) : tip.view;
      if (baseVersion < floor) throw uploadTooOld(baseVersion, floor);
    };
    const { descriptor, segments } = await uploadStream(context, at.bytes, source, {
      baseVersion,
      check,
      signal,
      meter,
    });
    return await runTransaction(parts, (tx) => tx.setStream(at.stored, descriptor, expiry), {
      ...call,
      streamRun: segments.length > 0 ? { segments, baseVersion } : undefined,
    });
  } catch (error) {
    source.stop(error);
    throw error;
  }
}
