/**
 * What an adapter writes: one bucket and prefix, seen as a flat map from object key to bytes.
 *
 * Every adapter promises (and `@holdfast/object-store/conformance` checks):
 * - a put is atomic: a reader sees all of an object or none of it;
 * - read after write: once a put has returned, every get and list sees it;
 * - with `ifAbsent`, of any number of concurrent puts of one key exactly one is created;
 * - losing that race is a value (`{ occupied: true }`), never an exception;
 * - a put whose outcome the adapter does not know fails with `UNKNOWN_OUTCOME`, never with another code.
 */
export interface ObjectStore {
  readonly capabilities: Capabilities;
  /**
   * Names where the bytes are (endpoint, bucket, prefix), without credentials. The engine remembers for
   * which identities a probe has been passed. Undefined: probed at every first write.
   */
  readonly identity?: string | undefined;

  /** Reads an object, or `range` of it. Undefined: there is no such object. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  /** Writes an object whole. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutResult>;
  /** Deletes objects; a key that does not exist is not an error. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;
  /**
   * Lists objects whose key starts with `prefix`, in ascending order of their UTF-8 bytes where
   * `capabilities.orderedList`, and in any order elsewhere. A store that repeats itself, or goes backwards where it
   * promises order, is `INVALID`; objects that were not asked for are left out.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;
  close?(): Promise<void>;
}

export interface Capabilities {
  /** `put` honours `ifAbsent` atomically. */
  readonly putIfAbsent: boolean;
  /** `put` honours `ifMatch` atomically. */
  readonly putIfMatch: boolean;
  /** `list` is in ascending key order. */
  readonly orderedList: boolean;
}

export interface CallOptions {
  /**
   * Aborted before the call: it rejects with the signal's reason and does nothing. Aborted during a put that
   * may have been sent: `UNKNOWN_OUTCOME`, with the reason as its cause; any other call rejects with the reason.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds for this call with all its attempts and pauses (of a listing: for each of its steps). `withRetry`
   * keeps it and hands on what is left; it only ever lowers `RetryOptions.totalMs`. When they are over, a put or
   * delete that may have been sent is `UNKNOWN_OUTCOME`, and any other call fails as its last attempt did, or with
   * `UNAVAILABLE`. An adapter may ignore it.
   */
  readonly timeoutMs?: number | undefined;
  /** Counts this call's requests and bytes into the caller's own account as well (see `metered`). */
  readonly meter?: Meter | undefined;
}

export interface GetOptions extends CallOptions {
  /**
   * Bytes `[offset, offset + length)`. `offset` at or past the object's end yields empty bytes; a range
   * that ends past the end is cut there. A negative offset counts from the object's end, and means 0 where the
   * object is shorter than that.
   */
  readonly range?: { readonly offset: number; readonly length: number } | undefined;
  /**
   * The most bytes that the caller takes. A longer answer (a longer object, or with `range` a longer range) is
   * `TOO_LARGE`, and the adapter stops taking it there, whatever length the store has announced. Without it, a
   * call with `range` takes `range.length` bytes, and one without takes all there is.
   *
   * Whoever reads from a store that is not trusted gives it: else one endless answer takes all memory.
   */
  readonly maxBytes?: number | undefined;
}

export interface PutOptions extends CallOptions {
  /** Create only: an existing object is left as it is and the answer is `{ occupied: true }`. */
  readonly ifAbsent?: true | undefined;
  /** Replace only the object with this ETag: any other, or none, answers `{ occupied: true }`. */
  readonly ifMatch?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Only keys strictly after this one. */
  readonly after?: string | undefined;
  /** At most this many. */
  readonly limit?: number | undefined;
}

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Opaque. */
  readonly etag: string;
  /** The whole object's size in bytes, whatever the range. */
  readonly size: number;
  /**
   * When it was written, by the store's own clock, milliseconds since 1970; whole seconds where the store tells no more.
   * Garbage collection counts by it, because writers' clocks differ. Undefined: this store does not say, and nothing is
   * collected there.
   */
  readonly modifiedMs?: number | undefined;
}

export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

export type PutResult =
  | { readonly etag: string; readonly occupied?: undefined }
  | { readonly occupied: true; readonly etag?: undefined };

export type RequestClass = 'read' | 'write' | 'list' | 'delete';

/** An account that calls are counted into; `Traffic` is the one that ships. */
export interface Meter {
  /** Called before a request is sent; may throw to refuse it. */
  request(kind: RequestClass, bytesOut: number): void;
  /** Called when its answer has arrived. */
  response(kind: RequestClass, bytesIn: number): void;
  /** Called for each repetition of a failed request. */
  retry(kind: RequestClass): void;
}
