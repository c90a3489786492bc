/** Calls of a store, as test stores name them. */
import type { GetOptions } from '../object-store.js';
import { onAbort } from '../on-abort.js';

export type CallKind = 'get' | 'put' | 'delete' | 'list';

export interface Call {
  readonly kind: CallKind;
  /** The object's key; a listing's prefix; the first of the keys that are deleted. */
  readonly key: string;
  /** Of a delete: all of them. */
  readonly keys?: readonly string[] | undefined;
  readonly range?: GetOptions['range'];
  /** Of a get: the most bytes that its caller takes. */
  readonly maxBytes?: number | undefined;
  /** Of a put: the bytes that are sent. */
  readonly bytes?: Uint8Array | undefined;
  /** Of a put: whether it has a condition. */
  readonly conditional?: boolean | undefined;
}

/** Rejects when the signal is aborted; never resolves. */
export function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => reject(signal?.reason));
  });
}
