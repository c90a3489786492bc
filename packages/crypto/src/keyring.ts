import type { CryptoProvider } from './provider.js';

/** A KMS or an enclave that holds the root key: it wraps epoch keys and gives them back. */
export interface KeyProvider {
  wrap(epochKey: Uint8Array): Promise<Uint8Array>;
  /** Rejects when the wrapped key was not made by this root key. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
}

/** 32 bytes, or someone who holds them. */
export type RootKey = Uint8Array | KeyProvider;

export type KeyringErrorCode = 'WRONG_KEY' | 'CORRUPT' | 'UNAVAILABLE';

/**
 * The epoch keys of one database, each wrapped by the root key. Its encoded bytes travel in the clear
 * header of every record, where the record's own authentication covers them.
 */
export interface Keyring {
  /** What goes into a record's header. */
  readonly bytes: Uint8Array;
  /** The epoch that new objects are sealed under; epochs count from 1. */
  readonly currentEpoch: number;
  readonly epochs: readonly number[];
  /** Unwraps on first use and remembers. Throws KeyringError CORRUPT for an epoch that is not here. */
  epochKey(epoch: number): Promise<Uint8Array>;
  /** A ring with one more epoch, which becomes the current one. */
  rotate(): Promise<Keyring>;
}

export interface KeyringOptions {
  readonly provider: CryptoProvider;
  readonly root: RootKey;
  /** 16 bytes: bound into every wrapped key. */
  readonly databaseId: Uint8Array;
  readonly random: (length: number) => Uint8Array;
}

export declare function createKeyring(options: KeyringOptions): Promise<Keyring>;

/** Decodes a ring and unwraps its current epoch, so that a wrong root key shows at once (WRONG_KEY). */
export declare function openKeyring(options: KeyringOptions, bytes: Uint8Array): Promise<Keyring>;
