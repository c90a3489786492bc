/** How the parts of the adapter send a request, and where to. */
import type { Connection } from './connection.js';
import type { CallKind } from './failure.js';

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
  request: (connection: Connection, signal: AbortSignal) => Promise<T>,
) => Promise<T>;

export interface Place {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
}
