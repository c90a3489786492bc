/** The keys of one database, following its keyring as records bring newer ones. */
import type { RecordHeader, Sealing } from '@holdfast/core';
import { equalBytes } from '@holdfast/core';
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

  epochKey(epoch: number): Promise<Uint8Array> {
    return this.#keyring ? this.#keyring.epochKey(epoch) : Promise.resolve(NO_KEY);
  }

  /** Takes over the keyring of a record if it has epochs that ours has not. */
  async adopt(header: RecordHeader): Promise<void> {
    const ours = this.#keyring;
    if (ours === undefined || this.#root === 'plaintext' || equalBytes(header.keyring, ours.bytes)) return;
    const { provider, databaseId, random } = this;
    const theirs = await openRecordKeyring({ provider, databaseId, random, root: this.#root }, header);
    if (theirs.currentEpoch > this.currentEpoch) this.#keyring = theirs;
  }
}
