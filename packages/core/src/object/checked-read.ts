/**
 * How an object that nobody has checked yet is read.
 *
 * Invariants:
 * - No more is taken than the reader has said, whatever the store sends.
 * - What fails its check is read once more before it is called corrupt, since a download can be cut or bent on its
 *   way. Honest bytes cost one request, damaged ones two, never more.
 * - Only what bytes can cause is tried again. A store that fails, an abort or a budget is for others to judge, and a
 *   missing object is missing at once.
 */
import {
  type CallOptions,
  type GetOptions,
  type ObjectStore,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';
import { plainBytes } from './bytes.js';
import { corrupt, HoldfastError } from './errors.js';

/**
 * Reads an object, or `range` of it, of at most `maxBytes` bytes (plain ones, not a Buffer). Undefined: there is no such object.
 * @throws HoldfastError CORRUPT where there is more; else the store's StoreError.
 */
export function getBounded(
  store: ObjectStore,
  name: string,
  maxBytes: number,
  options: CallOptions & Pick<GetOptions, 'range'> = {},
): Promise<StoredObject | undefined> {
  return readBounded(name, maxBytes, () => store.get(name, { ...options, maxBytes }));
}

/**
 * What `read` gives, of at most `maxBytes` bytes: for what is read by other means than by its name.
 * @param name what the failure is about.
 */
export async function readBounded<T extends { readonly bytes: Uint8Array }>(
  name: string,
  maxBytes: number,
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const tooLarge = (cause?: unknown): HoldfastError =>
    corrupt(name, `expected at most ${maxBytes} bytes, found more`, cause);
  let found: T | undefined;
  try {
    found = await read();
  } catch (error) {
    throw error instanceof StoreError && error.code === 'TOO_LARGE' ? tooLarge(error) : error;
  }
  if (found === undefined) return undefined;
  // An adapter that does not know of `maxBytes` has taken it all: it is too much for a reader all the same.
  if (found.bytes.length > maxBytes) throw tooLarge();
  return { ...found, bytes: plainBytes(found.bytes) };
}

/**
 * What `check` makes of an object. Where it throws CORRUPT, or UNSUPPORTED_FORMAT (a bent byte can look like a newer
 * format), the object is read and checked a second time, and that decides.
 * @param read yields undefined where there is no such object, and so does this. `again`: for the second time, so
 * nothing that is kept may answer.
 * @param check of the whole object or of whole ranges: it must not accept what is cut.
 * @throws what `read` and `check` throw; an object that is gone when it is read again fails as it did at first.
 */
export async function readChecked<F, T>(
  read: (again: boolean) => Promise<F | undefined>,
  check: (found: F) => Promise<T> | T,
): Promise<T | undefined> {
  const attempt = async (again: boolean): Promise<{ readonly value: T } | undefined> => {
    const found = await read(again);
    return found === undefined ? undefined : { value: await check(found) };
  };
  let failure: unknown;
  try {
    return (await attempt(false))?.value;
  } catch (error) {
    if (!isAboutBytes(error)) throw error;
    failure = error;
  }
  const second = await attempt(true);
  if (second === undefined) throw failure;
  return second.value;
}

function isAboutBytes(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false;
  // What goes on beyond every bound was not cut on its way, and each try takes up to the bound.
  if (error.cause instanceof StoreError && error.cause.code === 'TOO_LARGE') return false;
  return error.code === 'CORRUPT' || error.code === 'UNSUPPORTED_FORMAT';
}
