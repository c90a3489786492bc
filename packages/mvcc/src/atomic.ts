/** Checks and writes that take effect together or not at all. */
import type { Key } from '@holdfast/core';
import type { Committed } from './transact.js';
import type { Transaction } from './transaction.js';
import { formatVersionstamp, parseVersionstamp, type Versionstamp } from './versionstamp.js';

/** What a key must be for the operation to go through: written by this transaction, or (null) not there. */
export interface Check {
  readonly key: Key;
  readonly versionstamp: Versionstamp | null;
}

export type AtomicResult =
  | { readonly ok: true; readonly version: number; readonly versionstamp: Versionstamp }
  | { readonly ok: false };

type Run = (body: (tx: Transaction) => Promise<boolean>) => Promise<Committed<boolean>>;

export class AtomicOperation {
  readonly #run: Run;
  readonly #checks: Check[] = [];
  readonly #writes: ((tx: Transaction) => void)[] = [];

  /** Made by `Database.atomic()`. */
  constructor(run: Run) {
    this.#run = run;
  }

  check(...checks: readonly Check[]): this {
    for (const check of checks) if (check.versionstamp !== null) parseVersionstamp(check.versionstamp);
    this.#checks.push(...checks);
    return this;
  }

  set(key: Key, value: unknown): this {
    this.#writes.push((tx) => tx.set(key, value));
    return this;
  }

  delete(key: Key): this {
    this.#writes.push((tx) => tx.delete(key));
    return this;
  }

  add(key: Key, n: number | bigint): this {
    this.#writes.push((tx) => tx.add(key, n));
    return this;
  }

  max(key: Key, n: number | bigint): this {
    this.#writes.push((tx) => tx.max(key, n));
    return this;
  }

  min(key: Key, n: number | bigint): this {
    this.#writes.push((tx) => tx.min(key, n));
    return this;
  }

  /** `ok: false`: a check failed, and nothing was written. */
  async commit(): Promise<AtomicResult> {
    let readVersion = 0;
    const { result, stamp } = await this.#run(async (tx) => {
      readVersion = tx.readVersion;
      for (const { key, versionstamp } of this.#checks) {
        const entry = await tx.getEntry(key);
        if ((entry?.versionstamp ?? null) !== versionstamp) return false;
      }
      for (const write of this.#writes) write(tx);
      return true;
    });
    if (!result) return { ok: false };
    const at = stamp ?? { version: readVersion, order: 0 };
    return { ok: true, version: at.version, versionstamp: formatVersionstamp(at) };
  }
}
