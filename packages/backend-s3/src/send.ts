/** How the parts of the adapter send a request, and where to. */
import type { CallKind } from './failure.js';
import type { S3Requests } from './requests.js';

/**
 * Sends one request within the time limit.
 * @param operation S3's name for it, and `key` without the store's prefix: for messages.
 * @throws StoreError, or the reason of `callerSignal`.
 */
export type Send = <T>(
  kind: CallKind,
  operation: string,
  key: string,
  callerSignal: AbortSignal | undefined,
  request: (requests: S3Requests, signal: AbortSignal) => Promise<T>,
) => Promise<T>;
