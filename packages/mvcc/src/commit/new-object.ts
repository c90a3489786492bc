/**
 * Creates objects that no record names yet (I3).
 *
 * Invariant: a name is random, and created only if absent: a cloned worker whose random source repeats itself can't
 * replace what an acknowledged record names.
 */
import { concatBytes, equalBytes, HoldfastError, type ObjectId } from '@holdfast/core';
import { type CallOptions, StoreError } from '@holdfast/object-store';
import { type Context, fromStoreError } from '../context/context.js';
import { backoffMs } from '../context/deadline.js';

const ATTEMPTS_MAX = 6;

/** An object id: the version its writer knew, then 16 random bytes. */
export function newObjectId(context: Context, baseVersion: number): ObjectId {
  const base = new Uint8Array(8);
  new DataView(base.buffer).setBigUint64(0, BigInt(baseVersion));
  return concatBytes(base, context.random(16));
}

/** The version that its writer knew: the inverse. */
export function baseOf(id: ObjectId): number {
  return Number(new DataView(id.buffer, id.byteOffset).getBigUint64(0));
}

/**
 * Creates an object under a name that nobody else uses. A name that is taken all the same was taken by these bytes:
 * an answer was lost, or something on the way sent the PUT twice (RFC 9110 section 9.2.2 lets a proxy) and handed on
 * the second answer.
 */
export async function putNew(
  context: Context,
  name: string,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<void> {
  const { store, clock, random } = context;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await store.put(name, bytes, { ...options, ifAbsent: true });
      if (!result.occupied) return;
      const found = await store.get(name, { ...options, maxBytes: bytes.length });
      if (found && equalBytes(found.bytes, bytes)) return;
    } catch (error) {
      const again =
        error instanceof StoreError && (error.code === 'UNKNOWN_OUTCOME' || error.code === 'UNAVAILABLE');
      // Longer than the bytes that were sent: not they.
      if (!(error instanceof StoreError && error.code === 'TOO_LARGE')) {
        const { signal } = options;
        if (signal?.aborted) throw fromStoreError(signal.reason, `writing ${name}`);
        if (!again || attempt >= ATTEMPTS_MAX) throw fromStoreError(error, `writing ${name}`);
        await clock.sleep(backoffMs(random, attempt + 1, error), signal);
        continue;
      }
    }
    throw new HoldfastError(
      'CORRUPT',
      `${name} exists already with other content, though its name was just drawn at random: expected an unpredictable random source, found one that repeats itself. Nothing was changed; give open() a sound \`random\`.`,
    );
  }
}
