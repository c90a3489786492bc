/**
 * One open database: what users hold. The parts do the work; this says who does what.
 */
import { HoldfastError, type Key, type KeyRange, type KeyTuple } from '@holdfast/core';
import { type CallOptions, metered, type ObjectStore, Traffic, withRetry } from '@holdfast/object-store';
import { closeDown } from './closing.js';
import { Committer } from './commit/committer.js';
import { RecordBuilder } from './commit/record-builder.js';
import type { ByteSource } from './context/byte-source.js';
import { CALL_OPTIONS, READ_OPTIONS, takeOptions } from './context/call-options.js';
import type { Context } from './context/context.js';
import { isExpired } from './context/expiry.js';
import {
  type NormalisedOptions,
  normaliseOptions,
  type OpenOptions,
  takeRetention,
} from './context/options.js';
import { steps, withNext } from './context/steps.js';
import { StoreGate } from './context/store-gate.js';
import { probeStore, storeFingerprint } from './create.js';
import { isBreak } from './log/fork.js';
import type { Log } from './log/log.js';
import type { Tip } from './log/tip.js';
import type { NamespaceOptions } from './namespace/codec.js';
import { Namespace, type NamespaceHost } from './namespace/namespace.js';
import { openParts } from './open.js';
import type { Change } from './past/changes.js';
import { History, type LogEntry, type LogOptions, type WatchOptions } from './past/history.js';
import { type VerifyOptions, type VerifyReport, verify } from './past/verify.js';
import {
  type Entry,
  type ListOptions,
  ownRange,
  type Range,
  type ReadOptions,
} from './reading/entry-reader.js';
import type { Listing } from './reading/listing.js';
import { Reads } from './reading/reads.js';
import { Snapshot, type SnapshotOptions } from './reading/snapshot.js';
import { requestEntry } from './requests/request-entry.js';
import { type Outcome, outcomeOf, type RequestId } from './requests/requests.js';
import { type Checkpoint, checkpointKey, encodeCheckpoint, listCheckpoints } from './state/checkpoints.js';
import type { StoredAndBytes } from './state/space.js';
import type { TailEntry } from './state/tail.js';
import { formatVersionstamp } from './state/versionstamp.js';
import type { View } from './state/view.js';
import { type Stats, statsOf } from './stats.js';
import { AtomicOperation } from './transaction/atomic.js';
import { type LoadEntries, type LoadOptions, type LoadResult, load, loading } from './transaction/load.js';
import {
  deleting,
  deletingRange,
  mutating,
  type OneWrite,
  type SetOptions,
  setting,
  type WriteOptions,
  type WriteResult,
} from './transaction/one-write.js';
import { setStream, settingStream } from './transaction/set-stream.js';
import {
  type Committed,
  runOneWrite,
  runTransaction,
  type TransactCall,
  type TransactOptions,
  type TransactParts,
  takeCall,
} from './transaction/transact.js';
import type { Transaction, TransactionAttempt } from './transaction/transaction.js';
import { COMPACTION_SIZES } from './upkeep/compaction-plan.js';
import { type CompactOptions, Compactor, type CompactReport } from './upkeep/compactor.js';
import { Flusher } from './upkeep/flusher.js';
import { type CollectOptions, type CollectReport, GarbageCollector } from './upkeep/garbage-collector.js';
import { Tiler } from './upkeep/tiler.js';

/** What `maintain()` has done. */
export interface MaintenanceReport {
  readonly flushed: boolean;
  readonly tiled: boolean;
  readonly compacted: CompactReport;
}

const COMMIT_TIMEOUT_MS = 60_000;
/** For one request: a whole segment has to fit through a slow line. */
const ATTEMPT_MS = 30_000;
const WATCH_POLL_MS = 1_000;

/** Opens the database in `store`, or makes it. */
export async function openDatabase(store: ObjectStore, options: OpenOptions): Promise<Database> {
  const taken = normaliseOptions(options);
  const { clock, random } = taken;
  const traffic = new Traffic();
  const gate = new StoreGate(store);
  const wrapped = withRetry(metered(gate.store, { meter: traffic }), {
    clock,
    random,
    meter: traffic,
    attemptMs: ATTEMPT_MS,
  });
  return new Database({ ...(await openParts(wrapped, taken)), gate, traffic }, taken);
}

export class Database implements AsyncDisposable {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #committer: Committer;
  readonly #flusher: Flusher;
  readonly #tiler: Tiler;
  readonly #compactor: Compactor;
  readonly #collector: GarbageCollector;
  readonly #history: History;
  readonly #reads: Reads;
  readonly #readOnly: boolean;
  /** Opened at a version: what it shows is what was there then. */
  readonly #isPast: boolean;
  readonly #maintenance: 'auto' | 'manual';
  readonly #gate: StoreGate;
  readonly #traffic: Traffic;
  /** How long what was begun may take after `close()`, ms. */
  readonly #patienceMs: number;
  #closing: Promise<void> | undefined;
  readonly #parts: TransactParts;

  /** Made by `openDatabase()`. */
  constructor(
    parts: { context: Context; log: Log; tip: Tip; gate: StoreGate; traffic: Traffic },
    options: NormalisedOptions,
  ) {
    const { context, log, tip } = parts;
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
    this.#gate = parts.gate;
    this.#traffic = parts.traffic;
    const commitTimeoutMs = options.commitTimeoutMs ?? COMMIT_TIMEOUT_MS;
    // 0 gives a commit one try, and that one its time.
    this.#patienceMs = commitTimeoutMs || COMMIT_TIMEOUT_MS;
    this.#readOnly = options.readOnly ?? false;
    this.#isPast = options.at !== undefined;
    this.#maintenance = options.maintenance ?? 'auto';
    const { provider } = context.sealing;
    const fingerprint = storeFingerprint(context.store, provider);
    const probing = options.probe ?? 'auto';
    const builder = new RecordBuilder(
      context,
      context.random(16),
      probing === 'skip' ? undefined : fingerprint,
    );
    this.#committer = new Committer(context, log, tip, builder, commitTimeoutMs);
    const known =
      fingerprint && tip.view.stores.some((store) => store.every((byte, i) => byte === fingerprint[i]));
    if (probing === 'always' || (probing === 'auto' && !known))
      // Opening is over: its signal has nothing to say of the first write.
      this.#committer.beforeFirst = ({ signal }) => probeStore(context.store, { ...options, signal });
    this.#flusher = new Flusher(context, tip, this.#committer, options.compaction?.tailBytesMax);
    this.#tiler = new Tiler(context, tip, (tiledThrough) => {
      builder.tiledThrough = tiledThrough;
    });
    this.#parts = {
      context,
      tip,
      committer: this.#committer,
      checkWritable: () => this.#refuseReadOnly(),
      nowMs: () => this.#nowMs(),
    };
    const sizes = { ...COMPACTION_SIZES, ...options.compaction };
    this.#compactor = new Compactor(context, tip, this.#committer, sizes);
    this.#collector = new GarbageCollector(context, log, tip, this.#committer, options.retention);
    this.#history = new History(context, log, tip);
    this.#reads = new Reads(context.lifetime, {
      known: (taken) => this.#known(taken),
      read: (at, taken) => this.#read(at, taken),
      fresh: (taken) => this.#fresh(taken),
      nowMs: () => this.#nowMs(),
    });
  }

  /** The newest version that this process knows. */
  get version(): number {
    return this.#tip.view.version;
  }

  /** 16 random bytes, the same for as long as the database lives. */
  get id(): Uint8Array {
    return this.#context.sealing.databaseId.slice();
  }

  get<V = unknown>(key: Key, options?: ReadOptions): Promise<V | undefined> {
    return this.#reads.get(key, options) as Promise<V | undefined>;
  }

  getEntry<V = unknown>(key: Key, options?: ReadOptions): Promise<Entry<V> | undefined> {
    return this.#reads.getEntry(key, options) as Promise<Entry<V> | undefined>;
  }

  /** Of one version. */
  getMany<V = unknown>(keys: readonly Key[], options?: ReadOptions): Promise<(V | undefined)[]> {
    return this.#reads.getMany(keys, options) as Promise<(V | undefined)[]>;
  }

  /**
   * The bytes that `setStream` wrote, read window by window as they are asked for: those of the version of this call,
   * whatever is written meanwhile. Bytes that `set` wrote come as one chunk. Undefined: the key is not there.
   * `signal` ends the reading too.
   */
  getStream(key: Key, options?: ReadOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#reads.getStream(key, options);
  }

  has(key: Key, options?: ReadOptions): Promise<boolean> {
    return this.#reads.has(key, options);
  }

  /** The moment that a call shows, milliseconds since 1970. */
  #nowMs(): number {
    return this.#isPast ? this.#tip.view.clockMs : this.#context.clock.now();
  }

  /** The probe goes out with the read: strength costs a request, not a round trip. */
  async #read({ stored, bytes }: StoredAndBytes, options: ReadOptions): Promise<TailEntry | undefined> {
    this.#context.lifetime.checkBegun();
    options.signal?.throwIfAborted();
    const view = this.#tip.view;
    const reading = view.get(stored, bytes, options);
    // What has expired by now is read of the newest state instead.
    if (this.#isFreshEnough(options))
      return reading.catch(async (error: unknown) => {
        if (!isExpired(error)) throw error;
        return (await this.#tip.refresh(options.signal)).get(stored, bytes, options);
      });
    reading.catch(() => {});
    const now = await this.#tip.refresh(options.signal);
    return now === view ? reading : now.get(stored, bytes, options);
  }

  #known(options: ReadOptions): View | undefined {
    options.signal?.throwIfAborted();
    return this.#isFreshEnough(options) ? this.#tip.view : undefined;
  }

  async #fresh(options: ReadOptions): Promise<View> {
    this.#context.lifetime.checkBegun();
    options.signal?.throwIfAborted();
    return this.#isFreshEnough(options) ? this.#tip.view : this.#tip.refresh(options.signal);
  }

  #isFreshEnough({ maxStalenessMs = 0 }: ReadOptions): boolean {
    return maxStalenessMs > 0 && this.#tip.ageMs() <= maxStalenessMs;
  }

  /** The first entry of the range, or the last with `reverse`. */
  first<V = unknown>(
    range?: Range,
    options?: ReadOptions & Omit<ListOptions, 'limit'>,
  ): Promise<Entry<V> | undefined> {
    return this.#reads.ranges.first(range, options);
  }

  /** In key order, of one version. */
  list<V = unknown>(range?: Range, options?: ReadOptions & ListOptions): Listing<Entry<V>> {
    return this.#reads.ranges.list(range, options);
  }

  keys(range?: Range, options?: ReadOptions & ListOptions): Listing<KeyTuple> {
    return this.#reads.ranges.keys(range, options);
  }

  count(range?: Range, options?: ReadOptions & ListOptions): Promise<number> {
    return this.#reads.ranges.count(range, options);
  }

  /** With an expiry the entry reads as absent from then on; without one it stays, whatever it replaces. */
  set(key: Key, value: unknown, options?: SetOptions): Promise<WriteResult> {
    const { sha256 } = this.#context.sealing.provider;
    return this.#write('set', () => setting(sha256, key, value, options), options);
  }

  /**
   * Writes up to 5 GiB, chunk by chunk, in bounded memory. The key holds them all when this resolves, and is unchanged
   * until then; interrupted halfway, it stays so. A transaction of its own: it can't be part of another. Reads show a
   * `StreamValue`; `getStream` reads the bytes.
   *
   * A `requestId` stands for the key and the expiry, not for the bytes: a repeated call gets the first one's result, and
   * its source is not read.
   */
  setStream(key: Key, source: ByteSource, options?: SetOptions): Promise<WriteResult> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const write = settingStream(key, source, options);
      const call = takeCall(this.#context, 'setStream', options, write);
      return this.#written(await this.#committing((parts) => setStream(parts, write, call), call.signal));
    });
  }

  /**
   * Writes any number of entries as one transaction, in bounded memory: they go to the store as they come, and one
   * commit makes all of them visible, or none. In key order or not; of one key's entries the last one stays. It reads
   * nothing, and never conflicts.
   *
   * A `requestId` stands for the call, not for the entries: a repeated call gets the first one's result, and its source
   * is not read.
   */
  load(entries: LoadEntries, options?: LoadOptions): Promise<LoadResult> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const work = loading(entries, options);
      const call = takeCall(this.#context, 'load', options, work);
      const { result, stamp } = await this.#committing((parts) => load(parts, work, call), call.signal);
      return { ...result, version: (stamp ?? this.#tip.view).version };
    });
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('delete', () => deleting(key), options);
  }

  /** Deletes every key in the range: one write, however many there are. It reads none. */
  deleteRange(range: KeyRange, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('deleteRange', () => deletingRange(range), options);
  }

  /** Adds to a number (or bigint), from nothing if the key is not there. Never conflicts with other adds. */
  add(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('add', () => mutating('add', key, n), options);
  }

  /** Sets the key to the larger of what is there and `n`. Never conflicts. */
  max(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('max', () => mutating('max', key, n), options);
  }

  min(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#write('min', () => mutating('min', key, n), options);
  }

  /** @param make encodes what is written, at once. */
  #write(call: string, make: () => OneWrite, options: WriteOptions | undefined): Promise<WriteResult> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const write = make();
      const taken = takeCall(this.#context, call, options, write);
      return this.#written(await this.#committing((parts) => runOneWrite(parts, write, taken), taken.signal));
    });
  }

  #written({ stamp }: Committed<unknown>): WriteResult {
    if (stamp) return { version: stamp.version, versionstamp: formatVersionstamp(stamp) };
    // A range of no keys deletes nothing: the state is as of now.
    const { version } = this.#tip.view;
    return { version, versionstamp: formatVersionstamp({ version, order: 0 }) };
  }

  /** Runs `body` until it commits; resolves to its value once that is durable. */
  transact<T>(body: (tx: Transaction) => Promise<T> | T, options?: TransactOptions): Promise<T> {
    return this.#context.lifetime.run(async () => {
      const call = takeCall(this.#context, 'transact', options);
      return (await this.#transact(body, call)).result;
    });
  }

  #transact<T>(body: (tx: TransactionAttempt) => Promise<T> | T, call: TransactCall): Promise<Committed<T>> {
    return this.#committing((parts) => runTransaction(parts, body, call), call.signal);
  }

  async #committing<T>(
    commit: (parts: TransactParts) => Promise<Committed<T>>,
    signal: AbortSignal | undefined,
  ): Promise<Committed<T>> {
    const room =
      this.#maintenance === 'auto' ? this.#flusher.makeRoom(this.#patienceMs / 2, signal) : undefined;
    if (room) await room;
    const committed = await commit(this.#parts);
    if (committed.stamp && this.#maintenance === 'auto') {
      // Of many writers one is enough: who has made the newest record.
      if (this.#committer.madeTip) {
        this.#flusher.consider();
        this.#compactor.consider();
      }
      this.#tiler.consider(committed.stamp.version);
    }
    return committed;
  }

  /** Checks and writes that take effect together or not at all, in the manner of Deno KV. */
  atomic(): AtomicOperation {
    this.#context.lifetime.check();
    return new AtomicOperation((body, options) =>
      this.#context.lifetime.run(async () => {
        this.#refuseReadOnly();
        return this.#transact(body, takeCall(this.#context, 'commit', options));
      }),
    );
  }

  /** What became of a request. `close` settles an open one for good, with one commit. */
  outcome(requestId: RequestId, options?: CallOptions & { close?: boolean | undefined }): Promise<Outcome> {
    return this.#context.lifetime.run(async () => {
      const { close = false, ...calls } = takeOptions('outcome', options, ['close', ...CALL_OPTIONS]);
      const entry = requestEntry(requestId);
      const known = outcomeOf(entry, await this.#read(entry.at, calls));
      if (!close || known.status !== 'open') return known;
      this.#refuseReadOnly();
      const { result } = await this.#transact(
        async (tx) => {
          const found = await tx.readStored(entry.at);
          const now = outcomeOf(entry, found);
          if (now.status !== 'open') return now;
          tx.setStored(entry.at.stored, entry.closed(found));
          return { status: 'closed' } as const;
        },
        takeCall(this.#context, 'outcome', calls),
      );
      return result;
    });
  }

  /** A read view of the newest version there is, or of any retained one. Reads of it ask for nothing newer. */
  snapshot(options?: SnapshotOptions): Promise<Snapshot> {
    return this.#context.lifetime.run(async () => {
      const { at, ...taken } = takeOptions('snapshot', options, ['at', ...READ_OPTIONS]);
      const { lifetime } = this.#context;
      const calls = { signal: taken.signal, meter: taken.meter };
      if (at === undefined) {
        const nowMs = this.#nowMs();
        return new Snapshot(await this.#fresh(taken), nowMs, lifetime, calls);
      }
      if (typeof at !== 'number' && !(at instanceof Date))
        throw new TypeError(`snapshot: expected at to be a version or a Date, found ${typeof at}.`);
      const version = at instanceof Date ? await this.#history.versionAt(new Date(at), calls) : at;
      const view = await this.#history.viewAt(version, calls);
      return new Snapshot(view, view.clockMs, lifetime, calls);
    });
  }

  /** A view of the keys under `prefix`, with codecs of its own for keys and values. */
  namespace<V = unknown, In = V>(prefix: Key, options?: NamespaceOptions<V, In>): Namespace<V, In> {
    this.#context.lifetime.check();
    // Its bodies are given the attempt itself.
    return new Namespace<V, In>(this as unknown as NamespaceHost, prefix, options);
  }

  /**
   * Every change to the range, in order, after version `from` (default: now). Ends when `signal` is aborted, and with
   * the database.
   */
  watch<V = unknown>(range?: KeyRange, options?: WatchOptions): AsyncGenerator<Change<V>, void, undefined> {
    const { lifetime } = this.#context;
    const { ending } = lifetime;
    const watch = steps(() => {
      lifetime.check();
      const { pollMs = WATCH_POLL_MS, ...taken } = takeOptions('watch', options, [
        'from',
        'pollMs',
        'signal',
      ]);
      return this.#history.watch(ownRange(range), { ...taken, pollMs });
    });
    // It ends by itself when the database does; of a broken history it tells no more.
    const next = (): Promise<IteratorResult<Change, void>> =>
      ending.aborted && isBreak(ending.reason) ? Promise.reject(ending.reason) : watch.next();
    return withNext(watch, next) as AsyncGenerator<Change<V>, void, undefined>;
  }

  /** The records, newest first, or between two versions. */
  log(options?: LogOptions): AsyncGenerator<LogEntry, void, undefined> {
    const entries = steps(() =>
      this.#history.log(takeOptions('log', options, ['from', 'to', ...CALL_OPTIONS])),
    );
    return this.#context.lifetime.iterate(entries);
  }

  /** Names the newest version, and keeps it from GC until the name is dropped. */
  checkpoint(name: string, options?: CallOptions): Promise<Checkpoint> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const call = takeCall(this.#context, 'checkpoint', takeOptions('checkpoint', options, CALL_OPTIONS));
      const at = checkpointKey(name);
      await this.#tip.refresh(call.signal);
      const timeMs = this.#context.clock.now();
      const { result: version } = await this.#transact((tx) => {
        const { readVersion, readHash } = tx;
        tx.setStored(at.stored, encodeCheckpoint({ version: readVersion, hash: readHash, timeMs }));
        return readVersion;
      }, call);
      return { name, version, time: new Date(timeMs) };
    });
  }

  checkpoints(options?: ReadOptions): Promise<Checkpoint[]> {
    return this.#reads.run('checkpoints', options, async (taken) => {
      const found = await listCheckpoints(await this.#fresh(taken), taken.signal);
      return found.map(({ name, version, time }) => ({ name, version, time }));
    });
  }

  /** Resolves to whether there was one of this name. */
  dropCheckpoint(name: string, options?: CallOptions): Promise<boolean> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const call = takeCall(
        this.#context,
        'dropCheckpoint',
        takeOptions('dropCheckpoint', options, CALL_OPTIONS),
      );
      const at = checkpointKey(name);
      const { result } = await this.#transact(async (tx) => {
        if ((await tx.readStored(at))?.value === undefined) return false;
        tx.setStored(at.stored, undefined);
        return true;
      }, call);
      return result;
    });
  }

  /**
   * Moves the tail into segments now. Resolves to false where there was nothing to move, or another's flush was
   * first; rejects with why it could not be done.
   */
  flush(): Promise<boolean> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      return this.#flusher.flush();
    });
  }

  /**
   * Merges segments until nothing is due of what was there when it began: what was overwritten goes, and reads ask fewer
   * of them. Beside commits, and beside others that do the same; interrupted, it has lost nothing.
   */
  compact(options?: CompactOptions): Promise<CompactReport> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      return this.#compactor.run(takeOptions('compact', options, ['all', 'onProgress', ...CALL_OPTIONS]));
    });
  }

  /**
   * Does what is due: tiles of the history, a flush if the tail has grown, compaction. For processes opened with
   * `maintenance: 'manual'`.
   */
  maintain(options?: Omit<CompactOptions, 'all'>): Promise<MaintenanceReport> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      const taken = takeOptions('maintain', options, ['onProgress', ...CALL_OPTIONS]);
      const isDue = this.#flusher.isDue(await this.#tip.refresh(taken.signal));
      // The flush's record then names the tiles.
      const tiled = await this.#tiler.tile();
      const flushed = isDue && (await this.#flusher.flush());
      return { flushed, tiled, compacted: await this.#compactor.run(taken) };
    });
  }

  /**
   * Deletes what no retained version needs: records, segments, pages, and what interrupted work has left. The floor rises
   * to what `retention` asks for; what lies below it goes once a whole grace period has passed since, with a later call.
   * Interrupted anywhere, the next call, of any process, goes on.
   */
  gc(options?: CollectOptions): Promise<CollectReport> {
    return this.#context.lifetime.run(async () => {
      const taken = takeOptions('gc', options, [
        'retention',
        'dryRun',
        'onObject',
        'onProgress',
        ...CALL_OPTIONS,
      ]);
      if (taken.retention !== undefined) takeRetention(taken.retention);
      if (!taken.dryRun) {
        this.#refuseReadOnly();
        // What is not tiled stays.
        await this.#tiler.tile();
      }
      return this.#collector.collect(taken);
    });
  }

  /** Fetches and checks every object again. */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return this.#context.lifetime.run(async () => {
      const taken = takeOptions('verify', options, ['deep', 'onProgress', ...CALL_OPTIONS]);
      return verify(this.#context, this.#log, await this.#tip.refresh(taken.signal), taken);
    });
  }

  stats(): Stats {
    return statsOf(this.#tip.view, {
      ...this.#committer.stats,
      ...this.#flusher.stats,
      ...this.#compactor.stats,
      cacheBytes: this.#context.cache.bytes,
    });
  }

  /** Requests and bytes of this process since it opened the database. */
  traffic(): Traffic {
    return this.#traffic;
  }

  /**
   * Ends what the database has under way: watches end, what was begun is settled (what takes longer than
   * `commitTimeoutMs` from now is CLOSED), and later calls are CLOSED. Once it resolves nothing of this database
   * touches the store again. Every call resolves with the first one.
   */
  close(): Promise<void> {
    // Each later call a turn after the first one.
    if (this.#closing) return this.#closing.then(() => {});
    this.#closing = closeDown({
      lifetime: this.#context.lifetime,
      clock: this.#context.clock,
      flusher: this.#flusher,
      tiler: this.#tiler,
      compactor: this.#compactor,
      committer: this.#committer,
      gate: this.#gate,
      patienceMs: this.#patienceMs,
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refuseReadOnly(): void {
    if (this.#readOnly)
      throw new HoldfastError(
        'READ_ONLY',
        'This database was opened with readOnly: true. Nothing was changed.',
      );
  }
}
