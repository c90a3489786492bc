/**
 * The keys of one database, following its keyring as records bring newer ones.
 *
 * Invariant: a keyring is kept only from a record that it has authenticated (I7).
 */
import {
  corrupt,
  equalBytes,
  HoldfastError,
  type RecordHeader,
  recordName,
  type Sealing,
} from '@holdfast/core';
import type { CryptoProvider, Keyring, RootKey, SuiteId } from '@holdfast/crypto';
import type { RandomBytes } from '@holdfast/object-store';
import { openRecordKeyring } from './record-keyring.js';

/** A root key, or the explicit way to have none. */
export type DatabaseKey = RootKey | 'plaintext';

const NO_KEY = new Uint8Array(32);

export class DatabaseSealing implements Sealing {
  readonly provider: CryptoProvider;
  readonly suite: SuiteId;
  readonly databaseId: Uint8Array;
  readonly random: RandomBytes;
  readonly #root: DatabaseKey;
  #keyring: Keyring | undefined;

  constructor(parts: {
    provider: CryptoProvider;
    suite: SuiteId;
    databaseId: Uint8Array;
    random: RandomBytes;
    root: DatabaseKey;
    keyring: Keyring | undefined;
  }) {
    this.provider = parts.provider;
    this.suite = parts.suite;
    this.databaseId = parts.databaseId;
    this.random = parts.random;
    this.#root = parts.root;
    this.#keyring = parts.keyring;
  }

  get currentEpoch(): number {
    return this.#keyring?.currentEpoch ?? 0;
  }

  /** What goes into a record's header. */
  get keyringBytes(): Uint8Array {
    return this.#keyring?.bytes ?? new Uint8Array(0);
  }

  epochKey(epoch: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#keyring ? this.#keyring.epochKey(epoch, signal) : Promise.resolve(NO_KEY);
  }

  /** The keyring that a record brings, if it is another than ours. Not ours yet: the record may be anybody's. */
  async keyringOf(header: RecordHeader, signal?: AbortSignal): Promise<Keyring | undefined> {
    const ours = this.#keyring;
    if (ours === undefined || this.#root === 'plaintext' || equalBytes(header.keyring, ours.bytes))
      return undefined;
    const { provider, databaseId, random } = this;
    const object = recordName(header.version);
    if (!equalBytes(header.envelope.databaseId, databaseId))
      throw corrupt(object, 'it belongs to another database');
    try {
      return await openRecordKeyring({ provider, databaseId, random, root: this.#root, signal }, header);
    } catch (error) {
      // Our key has opened this database: it is this record's keyring that is wrong.
      if (error instanceof HoldfastError && error.code === 'WRONG_KEY')
        throw corrupt(object, error.message, error);
      throw error;
    }
  }

  /** The same with another keyring, for one record. */
  with(keyring: Keyring | undefined): Sealing {
    if (keyring === undefined) return this;
    return new DatabaseSealing({ ...this.#parts(), keyring });
  }

  /** Takes over the keyring of an authenticated record if it has epochs that ours has not. */
  adopt(keyring: Keyring | undefined): void {
    if (keyring !== undefined && keyring.currentEpoch > this.currentEpoch) this.#keyring = keyring;
  }

  #parts(): Omit<ConstructorParameters<typeof DatabaseSealing>[0], 'keyring'> {
    const { provider, suite, databaseId, random } = this;
    return { provider, suite, databaseId, random, root: this.#root };
  }
}
