/** Checks and writes that take effect together or not at all. Each part is taken as it is when it is added. */
import type { Key } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { checkOperand, type MutationKind } from '../commit/mutation.js';
import { CALL_OPTIONS, checkKnown, kindOf, takeOptions } from '../context/call-options.js';
import { userKey, userValue } from '../reading/entry-reader.js';
import { alive } from '../state/alive.js';
import type { StoredAndBytes } from '../state/space.js';
import { formatVersionstamp, parseVersionstamp, type Versionstamp } from '../state/versionstamp.js';
import { type ExpiryOptions, takeOnlyExpiry } from './expiry.js';
import type { Committed } from './transact.js';
import type { TransactionAttempt } from './transaction.js';

/** What a key must be for the operation to go through: written by this transaction, or (null) not there. */
export interface Check {
  readonly key: Key;
  readonly versionstamp: Versionstamp | null;
}

export type AtomicResult =
  | { readonly ok: true; readonly version: number; readonly versionstamp: Versionstamp }
  | { readonly ok: false };

type Run = (
  body: (tx: TransactionAttempt) => Promise<boolean>,
  options: CallOptions,
) => Promise<Committed<boolean>>;

/** How a namespace's keys and values become the database's. */
export interface AtomicForm {
  readonly key: (key: Key) => Key;
  readonly value: (value: unknown) => unknown;
}

const AS_THEY_ARE: AtomicForm = { key: (key) => key, value: (value) => value };

export class AtomicOperation<V = unknown> {
  readonly #run: Run;
  readonly #form: AtomicForm;
  readonly #checks: { readonly at: StoredAndBytes; readonly versionstamp: Versionstamp | null }[] = [];
  readonly #writes: ((tx: TransactionAttempt) => void)[] = [];

  /** Made by `Database.atomic()` and `Namespace.atomic()`. */
  constructor(run: Run, form: AtomicForm = AS_THEY_ARE) {
    this.#run = run;
    this.#form = form;
  }

  /** The same, in other keys and values. */
  in<W>(form: AtomicForm): AtomicOperation<W> {
    return new AtomicOperation<W>(this.#run, form);
  }

  check(...checks: readonly Check[]): this {
    const taken = checks.map((check) => {
      checkKnown('check', check, ['key', 'versionstamp']);
      if (typeof check !== 'object')
        throw new TypeError(`check: expected { key, versionstamp }, found ${kindOf(check)}.`);
      const { key, versionstamp } = check;
      if (versionstamp !== null) parseVersionstamp(versionstamp);
      return { at: this.#at(key), versionstamp };
    });
    this.#checks.push(...taken);
    return this;
  }

  set(key: Key, value: V, options?: ExpiryOptions): this {
    const { stored } = this.#at(key);
    const encoded = userValue(this.#form.value(value));
    const expiry = takeOnlyExpiry('set', options);
    return this.#add((tx) => tx.setStored(stored, encoded, expiry));
  }

  delete(key: Key): this {
    const { stored } = this.#at(key);
    return this.#add((tx) => tx.setStored(stored, undefined));
  }

  add(key: Key, n: number | bigint): this {
    return this.#mutate('add', key, n);
  }

  max(key: Key, n: number | bigint): this {
    return this.#mutate('max', key, n);
  }

  min(key: Key, n: number | bigint): this {
    return this.#mutate('min', key, n);
  }

  #mutate(kind: MutationKind, key: Key, n: number | bigint): this {
    const { stored } = this.#at(key);
    const operand = checkOperand(kind, n);
    return this.#add((tx) => tx.mutateStored(stored, kind, operand));
  }

  #at(key: Key): StoredAndBytes {
    return userKey(this.#form.key(key));
  }

  #add(write: (tx: TransactionAttempt) => void): this {
    this.#writes.push(write);
    return this;
  }

  /** `ok: false`: a check failed, and nothing was written. */
  async commit(options?: CallOptions): Promise<AtomicResult> {
    // Parts that are added while it runs are another commit's.
    const checks = [...this.#checks];
    const writes = [...this.#writes];
    let readVersion = 0;
    const body = async (tx: TransactionAttempt): Promise<boolean> => {
      readVersion = tx.readVersion;
      for (const { at, versionstamp } of checks) {
        const found = alive(await tx.readStored(at), tx.nowMs);
        if ((found ? formatVersionstamp(found) : null) !== versionstamp) return false;
      }
      for (const write of writes) write(tx);
      return true;
    };
    const { result, stamp } = await this.#run(body, takeOptions('commit', options, CALL_OPTIONS));
    if (!result) return { ok: false };
    const at = stamp ?? { version: readVersion, order: 0 };
    return { ok: true, version: at.version, versionstamp: formatVersionstamp(at) };
  }
}
