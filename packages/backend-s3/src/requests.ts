/**
 * What a store asks of its bucket, one HTTP request a call. There are two of it: `lean/` signs and sends by itself,
 * `sdk/` asks the AWS SDK. All that decides anything (conditions, failures, bounds, listings) is above it, once.
 *
 * Invariants of both:
 * - A request that changes something is sent once. Repeated behind our back, a conditional put could lose to itself.
 * - A refusal is thrown as an error that failure.ts reads; the error of a request that nobody answered is thrown as
 *   the platform made it.
 * - Nothing of an answer is taken without a bound (bounds.ts), but the body of an object, which the caller takes.
 */

/** Names are whole: they have the store's prefix. Signals end the request and its connection. */
export interface S3Requests {
  /** @param range as the Range header has it. */
  getObject(key: string, range: string | undefined, signal: AbortSignal): Promise<ObjectAnswer>;
  headObject(key: string, signal: AbortSignal): Promise<ObjectHead>;
  /**
   * @param condition headers, with names in lower case.
   * @returns the ETag, if the answer had one.
   */
  putObject(
    key: string,
    bytes: Uint8Array,
    condition: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  deleteObject(key: string, signal: AbortSignal): Promise<void>;
  /**
   * @param keys up to a thousand, each of which XML can hold.
   * @returns those that were not deleted.
   */
  deleteObjects(keys: readonly string[], signal: AbortSignal): Promise<readonly Undeleted[]>;
  listObjects(query: ListQuery, signal: AbortSignal): Promise<ListPage>;
  /** @returns undefined, `Enabled` or `Suspended`. */
  bucketVersioning(signal: AbortSignal): Promise<string | undefined>;
  /** Ends its connections. */
  close(): void | Promise<void>;
}

export interface ObjectHead {
  readonly etag: string | undefined;
  readonly contentLength: number | undefined;
  /** By the store's clock, milliseconds since 1970. */
  readonly modifiedMs: number | undefined;
}

export interface ObjectAnswer extends ObjectHead {
  readonly contentRange: string | undefined;
  /** See `takeBody`. */
  readonly body: unknown;
}

export interface Undeleted {
  readonly key: string | undefined;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface ListQuery {
  readonly keysMax: number;
  readonly prefix?: string;
  readonly token?: string;
  readonly startAfter?: string;
}

export interface ListPage {
  /** Names as they came: percent-encoded where `encoded`. */
  readonly objects: readonly { readonly key: string | undefined; readonly sizeBytes: number }[];
  readonly encoded: boolean;
  /** Undefined if this is no ListBucketResult. */
  readonly isTruncated: boolean | undefined;
  readonly nextToken: string | undefined;
}
