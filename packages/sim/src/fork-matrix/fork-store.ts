/**
 * A store that shows of two histories what it likes.
 *
 * Invariants:
 * - What it shows of a slot is whole and authentic: a record of one history or of the other, or nothing.
 * - A create is answered as an honest store would answer: where something is shown, it is occupied.
 */
import { parseRecordName, recordName } from '@holdfast/core';
import {
  type CallOptions,
  type Capabilities,
  type Clock,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  MemoryStore,
  type ObjectStore,
  type PutOptions,
  type PutResult,
  type StoredObject,
} from '@holdfast/object-store';
import type { Branch, Histories } from './histories.js';

/** What is shown in a slot. */
export type Shown = Branch | undefined;

/** Every call takes so long by the clock: round trips can be told from the time that has passed. */
export const CALL_MS = 1;

export class ForkStore implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity: string = 'fork:';
  readonly #histories: Histories;
  /** Whoever asks next may live by another one. */
  clock: Clock;
  /** What was written here. */
  readonly #written = new MemoryStore('written');
  #show: (version: number) => Shown = () => undefined;
  #newest = 0;
  /** Names of records that were asked for. */
  readonly reads: string[] = [];

  constructor(histories: Histories, clock: Clock) {
    this.#histories = histories;
    this.clock = clock;
  }

  /** Shows something else from now on: no slot after `newest` has anything. */
  turn(newest: number, show: (version: number) => Shown): void {
    this.#newest = newest;
    this.#show = show;
  }

  /** What was created here. */
  get written(): readonly string[] {
    return [...this.#written.objects().keys()];
  }

  #shownIn(name: string): Uint8Array | undefined {
    const version = parseRecordName(name);
    if (version === undefined || version > this.#newest) return undefined;
    const branch = this.#show(version);
    return branch && this.#histories.objects[branch].get(name);
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    this.reads.push(key);
    await this.clock.sleep(CALL_MS, options.signal);
    const bytes = this.#shownIn(key);
    if (bytes === undefined) return this.#written.get(key, options);
    const one = new MemoryStore();
    await one.put(key, bytes);
    return one.get(key, options);
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    await this.clock.sleep(CALL_MS);
    if (this.#shownIn(key) !== undefined) return { occupied: true };
    return this.#written.put(key, bytes, options);
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.clock.sleep(CALL_MS);
    await this.#written.delete(keys, options);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    await this.clock.sleep(CALL_MS, options.signal);
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const names = [...this.#written.objects().keys()];
    // Names are inverted: the newest first.
    for (let version = this.#newest; version >= 1; version--)
      if (this.#shownIn(recordName(version))) names.push(recordName(version));
    let listed = 0;
    for (const key of names.sort()) {
      if (!key.startsWith(prefix) || key <= after) continue;
      if (++listed > limit) return;
      yield { key, size: this.#shownIn(key)?.length ?? this.#written.objects().get(key)!.length };
    }
  }
}
