/** One key's newest state in a sorted run. */
export interface Entry {
  /** Encoded key; order is unsigned byte order. */
  readonly key: Uint8Array;
  /** Number of the record that wrote it. To a builder, 0 means: the stamp that the manifest gives the run. */
  readonly version: number;
  /** The transaction's place in that record. */
  readonly order: number;
  /**
   * Undefined: a tombstone. From a reader this may be a view of a cached block: copy it before changing it or
   * handing it to someone who might.
   */
  readonly value: Uint8Array | undefined;
  /** When it begins to read as absent, milliseconds since 1970. */
  readonly expiresMs?: number | undefined;
  /** The value is the descriptor of a stream: see stream.ts. */
  readonly stream?: true | undefined;
}

/** A value longer than this is stored in pieces of this many bytes (the last one: what remains). */
export const VALUE_PIECE_BYTES: number = 64 * 1024;
