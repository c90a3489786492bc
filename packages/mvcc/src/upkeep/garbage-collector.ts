/**
 * Deletes what no retained version can need. ARCHITECTURE.md, "Life of a collection"; what may go: collection-rules.ts.
 *
 * It keeps no state: what is to go follows from the log, so a run that was interrupted is finished by the next, anyone's.
 *
 * Invariants:
 * - The floor is raised by a record (commit/floor-edit.ts). Nothing goes before a whole grace period has passed since,
 *   by the store's own clock: whoever rests on an older state has by then noticed that it must look again.
 * - Nothing is deleted on a root that could not be read, is not of this history, or is not there any more at the moment
 *   of deletion; nor on a floor of which it is not known that it is in the log.
 * - What is gone already is gone: any number of collectors may run, and stop, anywhere.
 */
import {
  equalBytes,
  HoldfastError,
  INTENT_PREFIX,
  isMissing,
  type LogRecord,
  type Manifest,
  objectName,
  PAGE_PREFIX,
  recordName,
  SEGMENT_PREFIX,
  TILE_PREFIX,
  toHex,
} from '@holdfast/core';
import type { CallOptions, ListedObject } from '@holdfast/object-store';
import type { Committer } from '../commit/committer.js';
import { FloorEdit } from '../commit/floor-edit.js';
import { type Context, callStore } from '../context/context.js';
import type { Retention } from '../context/options.js';
import { loadManifest } from '../log/advance.js';
import { readCheckpointRecord } from '../log/checkpoint-record.js';
import { continues, placeAfter } from '../log/continuity.js';
import { type Log, missingRecord, readRecordHash } from '../log/log.js';
import type { Tip } from '../log/tip.js';
import { listCheckpoints } from '../state/checkpoints.js';
import type { View } from '../state/view.js';
import {
  type CollectionRoot,
  type Judgement,
  judgeIntent,
  judgeObject,
  judgeRecord,
  judgeTile,
} from './collection-rules.js';
import { floorFor, StoreTimes } from './retention.js';

export interface CollectOptions extends CallOptions {
  /** Default: what the database was opened with. */
  readonly retention?: Partial<Retention> | undefined;
  /** Say what would go, and change nothing: the floor stays too. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Told of each object that was looked at. One that goes is told before it does. */
  readonly onObject?: ((object: CollectedObject) => void) | undefined;
  readonly onProgress?: ((progress: CollectProgress) => void) | undefined;
}

export interface CollectedObject extends Judgement {
  readonly name: string;
  readonly bytes: number;
}

export interface CollectProgress {
  /** Objects looked at, and of those, removed. */
  readonly looked: number;
  readonly removed: number;
  readonly removedBytes: number;
}

export interface ObjectCount {
  readonly objects: number;
  readonly bytes: number;
}

/** What became of a bucket. */
export interface CollectReport {
  /** The newest version. */
  readonly version: number;
  /** The lowest version that is retained from now on. */
  readonly floor: number;
  /** Nothing that only versions below it need is left. 1: nothing was old enough. */
  readonly collected: number;
  readonly removed: Readonly<Record<'record' | 'segment' | 'page' | 'tile' | 'intent', ObjectCount>>;
  readonly kept: ObjectCount;
  /** Objects under our prefixes whose names are none of ours: they are left alone. */
  readonly foreign: number;
  readonly dryRun: boolean;
  /** Why less went than the floor allows. */
  readonly waitsFor?: string | undefined;
}

/** Names deleted with one request, where the store takes so many. */
const BATCH = 1000;

export class GarbageCollector {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #committer: Committer;
  readonly #retention: Retention;

  constructor(context: Context, log: Log, tip: Tip, committer: Committer, retention: Retention) {
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
    this.#committer = committer;
    this.#retention = retention;
  }

  async collect(options: CollectOptions = {}): Promise<CollectReport> {
    const { signal, meter, dryRun = false } = options;
    const retention = { ...this.#retention, ...options.retention };
    const calls = { signal, meter };
    const times = new StoreTimes(this.#context, calls);
    const floor = await this.#raiseFloor(retention, times, dryRun, calls);
    const tally = new Tally(options, dryRun);
    const { view, found } = await this.#findRoot(times, calls);
    if ('waitsFor' in found) return tally.report(view, floor, 1, found.waitsFor);
    const { root, record } = found;
    await this.#collect(root, record, tally, calls, times);
    return tally.report(view, floor, root.version + 1, undefined);
  }

  /** @returns the floor that holds from now on, or would. */
  async #raiseFloor(
    retention: Retention,
    times: StoreTimes,
    dryRun: boolean,
    calls: CallOptions,
  ): Promise<number> {
    const { version, floor } = await this.#tip.refresh(calls.signal);
    const nowMs = (await times.of(version)) ?? 0;
    const wanted = Math.max(floor, await floorFor(times, version, nowMs, retention));
    // Nothing was ever let go of: there is nothing to collect, and no need of a record.
    if (dryRun || wanted === 1) return wanted;
    // Where another has raised it further that one stands.
    await this.#committer.publish(new FloorEdit(wanted));
    return wanted;
  }

  /** Tries again where another collector has taken from under it what only a root that is passed has named. */
  async #findRoot(
    times: StoreTimes,
    calls: CallOptions,
  ): Promise<{ view: View; found: Rooted | { waitsFor: string } }> {
    let failed: { readonly floor: number; readonly error: unknown } | undefined;
    for (;;) {
      const view = await this.#tip.refresh(calls.signal);
      const saying = await this.#saying(view, times, calls);
      if (!saying || saying.floor <= 1)
        return {
          view,
          found: {
            waitsFor: `nothing goes before a floor is ${inWords(view.graceMs)} old, the database's grace period`,
          },
        };
      if (saying.floor === failed?.floor) throw failed.error;
      try {
        return { view, found: await this.#rootOf(view, saying, calls) };
      } catch (error) {
        if (!isMissing(error)) throw error;
        failed = { floor: saying.floor, error };
      }
    }
  }

  /** The newest record that is a grace period old: the floor that it says counts. */
  async #saying(view: View, times: StoreTimes, calls: CallOptions): Promise<LogRecord | undefined> {
    const nowMs = await times.of(view.version);
    if (nowMs === undefined) throw missingRecord(view.version, 'Garbage collection');
    const aged = await times.newestBefore(view.version, nowMs, view.graceMs);
    return aged === undefined ? undefined : this.#readShown(aged, view, calls);
  }

  /** The record that says what may go. */
  async #rootOf(view: View, saying: LogRecord, calls: CallOptions): Promise<Rooted> {
    const record = await this.#readShown(saying.floor - 1, view, calls);
    const named = new Set<string>();
    const held = new Set<number>();
    const hold = (one: LogRecord, manifest: Manifest): void => {
      for (const { id } of manifest.entries) named.add(objectName(SEGMENT_PREFIX, id));
      // A later record may put out, as it is, what travels inline here.
      for (const name of manifest.pageNamesToCome()) named.add(name);
      for (const ref of one.body.carry.refs) held.add(ref.version);
    };
    hold(record, await loadManifest(this.#context, record, calls, [view.manifest]));
    for (const checkpoint of await listCheckpoints(view, calls.signal)) {
      const { version } = checkpoint;
      if (version >= record.version) continue;
      const kept = await readCheckpointRecord(this.#log, checkpoint, calls);
      held.add(version);
      hold(kept, await loadManifest(this.#context, kept, calls, [view.manifest]));
    }
    const { version, floor, tiledThrough } = record;
    return {
      root: { version, floor, tiledThrough, named, held, provenThrough: saying.tiledThrough },
      record,
    };
  }

  /** A record of this history, at or above the root: nobody has let go of it, or of those after it. */
  async #readShown(version: number, view: View, calls: CallOptions): Promise<LogRecord> {
    const record = await this.#log.read(version, calls);
    if (record === undefined) throw anotherIsAhead(version);
    if (version === view.version && equalBytes(record.hash, view.hash)) return record;
    const place = placeAfter(this.#context, record);
    const newer = { ...placeOf(view), tiledThrough: view.tiledThrough, floor: Math.min(view.floor, version) };
    await continues(this.#context, this.#log, place, newer, calls);
    return record;
  }

  async #collect(
    root: CollectionRoot,
    record: LogRecord,
    tally: Tally,
    calls: CallOptions,
    times: StoreTimes,
  ): Promise<void> {
    const { slots, store } = this.#context;
    const recheck = (): Promise<void> => this.#checkRoot(record, calls);
    const removeRecords = new Batch(tally, recheck, (found) =>
      callStore('deleting collected records', async () =>
        slots.collect?.(
          found.map(({ n }) => n),
          calls,
        ),
      ),
    );
    const removeObjects = new Batch(tally, recheck, (found) =>
      callStore('deleting collected objects', () =>
        store.delete(
          found.map(({ name }) => name),
          calls,
        ),
      ),
    );
    if (slots.below && slots.collect)
      for await (const { n, size } of slots.below(root.version, calls))
        await removeRecords.take({ ...judgeRecord(root, n), name: recordName(n), bytes: size, n });
    await removeRecords.flush();
    for (const [prefix, judge] of [
      [SEGMENT_PREFIX, judgeObject],
      [PAGE_PREFIX, judgeObject],
      [TILE_PREFIX, judgeTile],
    ] as const)
      for await (const { key, size } of store.list(prefix, calls))
        await removeObjects.take({ ...judge(root, key), name: key, bytes: size, n: 0 });
    await removeObjects.flush();
    await this.#collectIntents(removeObjects, calls, times);
  }

  /** Judged by a record that is newer than the listing: who has just announced its second intent is in its table. */
  async #collectIntents(batch: Batch, calls: CallOptions, times: StoreTimes): Promise<void> {
    const { store } = this.#context;
    let listed: ListedObject[] = [];
    for await (const object of store.list(INTENT_PREFIX, calls)) {
      listed.push(object);
      if (listed.length < BATCH) continue;
      await this.#judgeIntents(listed, batch, calls, times);
      listed = [];
    }
    await this.#judgeIntents(listed, batch, calls, times);
    await batch.flush();
  }

  async #judgeIntents(
    listed: readonly ListedObject[],
    batch: Batch,
    calls: CallOptions,
    times: StoreTimes,
  ): Promise<void> {
    if (listed.length === 0) return;
    const view = await this.#tip.refresh(calls.signal);
    const nowMs = (await times.of(view.version)) ?? 0;
    for (const { key, size } of listed) {
      let judged = judgeIntent(view.intents, key, false);
      if (!judged.removed && judged.kind === 'intent') {
        const range = { offset: 0, length: 1 };
        const found = await callStore(`reading ${key}`, () =>
          this.#context.store.get(key, { ...calls, range, maxBytes: 1 }),
        );
        const isOld = found?.modifiedMs !== undefined && nowMs - found.modifiedMs >= view.graceMs;
        judged = judgeIntent(view.intents, key, isOld);
      }
      await batch.take({ ...judged, name: key, bytes: size, n: 0 });
    }
  }

  /** Whoever has slept may find another database under the prefix, or none. */
  async #checkRoot(record: LogRecord, calls: CallOptions): Promise<void> {
    const hash = await readRecordHash(this.#context, record.version, calls);
    if (hash === undefined) throw anotherIsAhead(record.version);
    if (!equalBytes(hash, record.hash))
      throw new HoldfastError(
        'CORRUPT',
        `${recordName(record.version)} is not the record any more that this collection rests on: expected hash ${toHex(record.hash)}. Nothing more was removed; look what else writes under this prefix.`,
      );
  }
}

/** What may go, and the record that says so. */
interface Rooted {
  readonly root: CollectionRoot;
  readonly record: LogRecord;
}

interface Found extends CollectedObject {
  /** A record's version. */
  readonly n: number;
}

/** What goes with one request. */
class Batch {
  readonly #tally: Tally;
  readonly #recheck: () => Promise<void>;
  readonly #remove: (found: readonly Found[]) => Promise<void>;
  #found: Found[] = [];

  constructor(
    tally: Tally,
    recheck: () => Promise<void>,
    remove: (found: readonly Found[]) => Promise<void>,
  ) {
    this.#tally = tally;
    this.#recheck = recheck;
    this.#remove = remove;
  }

  async take(found: Found): Promise<void> {
    this.#tally.looked(found);
    if (!found.removed) return;
    this.#found.push(found);
    if (this.#found.length >= BATCH) await this.flush();
  }

  async flush(): Promise<void> {
    const found = this.#found;
    this.#found = [];
    if (found.length === 0) return;
    if (!this.#tally.dryRun) {
      await this.#recheck();
      await this.#remove(found);
    }
    this.#tally.removed(found);
  }
}

class Tally {
  readonly dryRun: boolean;
  readonly #options: CollectOptions;
  readonly #removed = {
    record: { objects: 0, bytes: 0 },
    segment: { objects: 0, bytes: 0 },
    page: { objects: 0, bytes: 0 },
    tile: { objects: 0, bytes: 0 },
    intent: { objects: 0, bytes: 0 },
  };
  readonly #kept = { objects: 0, bytes: 0 };
  #foreign = 0;
  #looked = 0;

  constructor(options: CollectOptions, dryRun: boolean) {
    this.#options = options;
    this.dryRun = dryRun;
  }

  looked({ name, bytes, kind, removed, why }: CollectedObject): void {
    this.#looked++;
    if (kind === 'foreign') this.#foreign++;
    else if (!removed) {
      this.#kept.objects++;
      this.#kept.bytes += bytes;
    }
    this.#options.onObject?.({ name, bytes, kind, removed, why });
    if (!removed) this.#tell();
  }

  removed(found: readonly CollectedObject[]): void {
    for (const { kind, bytes } of found) {
      if (kind === 'foreign') continue;
      this.#removed[kind].objects++;
      this.#removed[kind].bytes += bytes;
    }
    this.#tell();
  }

  #tell(): void {
    const counts = Object.values(this.#removed);
    this.#options.onProgress?.({
      looked: this.#looked,
      removed: counts.reduce((sum, { objects }) => sum + objects, 0),
      removedBytes: counts.reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }

  report({ version }: View, floor: number, collected: number, waitsFor: string | undefined): CollectReport {
    return {
      version,
      floor,
      collected,
      removed: this.#removed,
      kept: this.#kept,
      foreign: this.#foreign,
      dryRun: this.dryRun,
      waitsFor,
    };
  }
}

function anotherIsAhead(version: number): HoldfastError {
  return new HoldfastError(
    'UNAVAILABLE',
    `${recordName(version)}, on which this collection rests, is not there: another collector is further, or the store has lost it (verify tells). Nothing more was removed; try again.`,
  );
}

function placeOf({ version, hash, history }: View): Pick<View, 'version' | 'hash' | 'history'> {
  return { version, hash, history };
}

function inWords(ms: number): string {
  const [hours, seconds] = [ms / 3_600_000, ms / 1000];
  if (hours >= 1) return `${Number(hours.toFixed(1))} h`;
  return seconds >= 1 ? `${Number(seconds.toFixed(1))} s` : `${ms} ms`;
}
