/**
 * Reads what a changed image shows, and compares it with the truth. In full: a new database, every kind of read, and
 * at last `verify`. Quickly: one read that is known to depend on the changed bytes, through a handle that is kept
 * open where opening does not depend on them. What a quick read does not notice is examined in full.
 */
import { type Database, type OpenOptions, openDatabase } from '@holdfast/mvcc';
import { IdleClock } from './clock.js';
import { type Changes, ImageStore, NO_CHANGES } from './image-store.js';
import type { Reference } from './reference.js';
import {
  changesOf,
  hexOf,
  lineOf,
  logOf,
  othersOf,
  stateOf,
  streamsOf,
  type Truth,
  truthOf,
} from './truth.js';
import { type Finding, Notes } from './verdict.js';
import { recordVersion } from './world.js';

/** The handles that quick reads are made through. */
export interface Handles {
  /** Opened before the change. Nothing is cached in it. */
  readonly kept: Database;
  /** Opened before the newest record came. */
  readonly behind: Database;
  open(): Promise<Database>;
}

export interface QuickRead {
  readonly name: string;
  /** Resolves to what is wrong, if anything is. */
  run(handles: Handles): Promise<string | undefined>;
}

const ABSENT = [['absent'], ['a', 99], ['zz', 'zz']];

export class Examiner {
  readonly truth: Truth;
  readonly clock: IdleClock;
  readonly store: ImageStore;
  readonly #options: OpenOptions;
  #kept!: Database;
  #behind!: Database;

  private constructor(truth: Truth, clock: IdleClock) {
    this.truth = truth;
    this.clock = clock;
    this.store = new ImageStore(truth.reference.image);
    this.#options = { key: truth.reference.key, clock, readOnly: true, cacheBytes: 0 };
  }

  static async make(reference: Reference): Promise<Examiner> {
    const clock = new IdleClock();
    const settled = await clock.settle(async () => {
      const examiner = new Examiner(await truthOf(reference, clock), clock);
      await examiner.reset();
      return examiner;
    });
    if ('value' in settled) return settled.value;
    throw new Error('The reference could not be read.', { cause: settled });
  }

  /** Opens the handles anew: after a change that one of them believed. */
  async reset(): Promise<void> {
    const newest = [...this.truth.reference.image.keys()].sort()[0]!;
    this.store.show(new Map([[newest, 'gone']]));
    this.#behind = await openDatabase(this.store, this.#options);
    this.store.show(NO_CHANGES);
    this.#kept = await openDatabase(this.store, this.#options);
  }

  async quick(changes: Changes, read: QuickRead): Promise<Finding> {
    const notes = new Notes();
    this.store.show(changes);
    await this.attempt(
      notes,
      read.name,
      () => read.run({ kept: this.#kept, behind: this.#behind, open: () => this.#open() }),
      (found) => found === undefined,
    );
    if (this.#behind.version === this.truth.version) await this.clock.settle(() => this.reset());
    this.store.show(NO_CHANGES);
    return { ...notes, verifyOk: undefined, version: this.truth.version };
  }

  #open(): Promise<Database> {
    return openDatabase(this.store, this.#options);
  }

  /** @param check whether what was found is right. */
  async attempt<T>(
    notes: Notes,
    what: string,
    work: () => Promise<T>,
    check?: (found: T) => boolean,
  ): Promise<T | undefined> {
    const settled = await this.clock.settle(work);
    if ('hung' in settled) notes.wrong.push(`${what} hung: ${settled.hung}`);
    else if ('error' in settled) notes.failed(what, settled.error);
    else {
      if (check && !check(settled.value)) notes.wrong.push(`${what} is not what was written`);
      return settled.value;
    }
    return undefined;
  }

  /** @param past which older versions are read; default: those whose records are changed, the first and one between. */
  async full(changes: Changes, past?: readonly number[]): Promise<Finding> {
    this.store.show(changes);
    const notes = new Notes();
    try {
      return await this.#full(notes, past ?? this.#pastOf(changes));
    } finally {
      this.store.show(NO_CHANGES);
    }
  }

  async #full(notes: Notes, past: Iterable<number>): Promise<Finding> {
    const { truth } = this;
    const db = await this.attempt(notes, 'open', () => this.#open());
    if (!db) return { ...notes, version: undefined, verifyOk: undefined };
    // What a listing did not show may still be found by the first strong read.
    await this.attempt(
      notes,
      'has',
      () => db.has(['absent']),
      (found) => !found,
    );
    const { version } = db;
    const state = truth.states.get(version) ?? [];
    const lines = new Map(state.map((line) => [line.slice(0, line.indexOf(' ')), line]));
    await this.attempt(
      notes,
      'the list',
      () => stateOf(db),
      (found) => same(found, state),
    );
    await this.attempt(
      notes,
      'the reverse list',
      () => stateOf(db, true),
      (found) => same(found, state),
    );
    await this.attempt(
      notes,
      'the keys',
      () => keysOf(db),
      (found) => same(found, [...lines.keys()]),
    );
    await this.attempt(
      notes,
      'the count',
      () => db.count(),
      (found) => found === state.length,
    );
    for (const key of [...truth.keys, ...ABSENT])
      await this.attempt(
        notes,
        `get ${hexOf(key).slice(0, 40)}`,
        () => db.getEntry(key),
        (entry) => (entry && lineOf(entry)) === lines.get(hexOf(key)),
      );
    await this.attempt(
      notes,
      'the streams',
      () => streamsOf(db),
      (found) => same(found, truth.streams.get(version) ?? []),
    );
    await this.attempt(
      notes,
      'checkpoints and outcomes',
      () => othersOf(db, truth.reference.requests),
      (found) => found === truth.others.get(version),
    );
    for (const at of past) {
      if (at > version) continue;
      await this.attempt(
        notes,
        `version ${at}`,
        async () => stateOf(await db.snapshot({ at })),
        (found) => same(found, truth.states.get(at) ?? []),
      );
      await this.attempt(
        notes,
        `streams of ${at}`,
        async () => streamsOf(await db.snapshot({ at })),
        (found) => same(found, truth.streams.get(at) ?? []),
      );
      await this.attempt(
        notes,
        `log ${at}`,
        () => logOf(db, at),
        (found) => found === truth.log.get(at),
      );
      if (at > 1)
        await this.attempt(
          notes,
          `watch ${at}`,
          () => changesOf(db, this.clock, at),
          (found) => same(found, truth.changes.get(at) ?? []),
        );
    }
    const report = await this.attempt(notes, 'verify', () => db.verify({ deep: true }));
    return { ...notes, version, verifyOk: report?.ok ?? false };
  }

  #pastOf(changes: Changes): Set<number> {
    const versions = new Set([1, Math.floor(this.truth.version / 2)]);
    for (const name of changes.keys()) if (name.startsWith('log/')) versions.add(recordVersion(name));
    return versions;
  }
}

async function keysOf(db: Database): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of db.keys()) keys.push(hexOf(key));
  return keys;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}
