/**
 * One open database: what users hold. The parts do the work; this says who does what.
 */
import { encodeValue, HoldfastError, type Key, type KeyRange, type KeyTuple } from '@holdfast/core';
import {
  type CallOptions,
  type Meter,
  metered,
  type ObjectStore,
  Traffic,
  withRetry,
} from '@holdfast/object-store';
import { AtomicOperation } from './atomic.js';
import { type Checkpoint, checkpointKey, encodeCheckpoint, listCheckpoints } from './checkpoints.js';
import { Committer } from './committer.js';
import type { Context } from './context.js';
import { probeStore, storeFingerprint } from './create.js';
import {
  type Entry,
  entryOf,
  type ListOptions,
  type Range,
  type ReadOptions,
  type StoredAndBytes,
  userBounds,
  userKey,
} from './entry-reader.js';
import { Flusher, isFlushDue } from './flusher.js';
import { type Change, History, type LogEntry } from './history.js';
import type { Log } from './log.js';
import { Namespace, type NamespaceOptions } from './namespace.js';
import { checkOptions, type OpenOptions, openParts } from './open.js';
import { RecordBuilder } from './record-builder.js';
import { requestEntry } from './request-entry.js';
import { type Outcome, outcomeOf, type RequestId } from './requests.js';
import { Snapshot } from './snapshot.js';
import { StoreGate } from './store-gate.js';
import type { TailEntry } from './tail.js';
import type { Tip } from './tip.js';
import { type Committed, runTransaction, type TransactOptions } from './transact.js';
import type { Transaction, TransactionAttempt } from './transaction.js';
import { type VerifyOptions, type VerifyReport, verify } from './verify.js';
import { formatVersionstamp, type Versionstamp } from './versionstamp.js';
import type { View } from './view.js';

export interface WriteOptions extends CallOptions {
  /** Makes a repeated call act once. Another key or value under the same id is refused. */
  readonly requestId?: RequestId | undefined;
}

/** Where a write stands in the history. */
export interface WriteResult {
  readonly version: number;
  readonly versionstamp: Versionstamp;
}

export interface Stats {
  readonly version: number;
  /** Records that this process wrote, and transactions in them. */
  readonly commits: number;
  readonly transactions: number;
  readonly conflicts: number;
  /** Lost races for a slot that were tried again on the newer state. */
  readonly rebases: number;
  /** Transactions that lost to one of their own group and were run again in time for the same record. */
  readonly reruns: number;
  readonly flushes: number;
  readonly flushedThrough: number;
  readonly floor: number;
  /** What the newest record carries of the tail, inline and in holders. */
  readonly tailBytes: number;
  readonly tailHolders: number;
  readonly segments: number;
  readonly segmentBytes: number;
  /** Live and deleted entries in segments; a key may have several. */
  readonly segmentEntries: number;
  readonly cacheBytes: number;
}

const COMMIT_TIMEOUT_MS = 60_000;
/** For one request: a whole segment has to fit through a slow line. */
const ATTEMPT_MS = 30_000;
const WATCH_POLL_MS = 1_000;

/** Opens the database in `store`, or makes it. */
export async function openDatabase(store: ObjectStore, options: OpenOptions): Promise<Database> {
  checkOptions(options);
  const { clock, random } = options;
  const traffic = new Traffic();
  const gate = new StoreGate(store);
  const wrapped = withRetry(metered(gate.store, { meter: traffic }), {
    clock,
    random,
    meter: traffic,
    attemptMs: ATTEMPT_MS,
  });
  return new Database({ ...(await openParts(wrapped, options)), gate, traffic }, options);
}

export class Database implements AsyncDisposable {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #committer: Committer;
  readonly #flusher: Flusher;
  readonly #history: History;
  readonly #readOnly: boolean;
  readonly #maintenance: 'auto' | 'manual';
  readonly #gate: StoreGate;
  readonly #traffic: Traffic;
  /** How long what was begun may take after `close()`, ms. */
  readonly #patienceMs: number;
  #closing: Promise<void> | undefined;

  /** Made by `openDatabase()`. */
  constructor(
    parts: { context: Context; log: Log; tip: Tip; gate: StoreGate; traffic: Traffic },
    options: OpenOptions,
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
    this.#flusher = new Flusher(context, tip, this.#committer);
    this.#history = new History(context, log, tip);
  }

  /** The newest version that this process knows. */
  get version(): number {
    return this.#tip.view.version;
  }

  /** 16 random bytes, the same for as long as the database lives. */
  get id(): Uint8Array {
    return this.#context.sealing.databaseId;
  }

  async get<V = unknown>(key: Key, options: ReadOptions = {}): Promise<V | undefined> {
    return (await this.getEntry<V>(key, options))?.value;
  }

  async getEntry<V = unknown>(key: Key, options: ReadOptions = {}): Promise<Entry<V> | undefined> {
    const at = userKey(key);
    return entryOf(at.bytes, await this.#read(at, options)) as Entry<V> | undefined;
  }

  async getMany<V = unknown>(keys: readonly Key[], options: ReadOptions = {}): Promise<(V | undefined)[]> {
    const snapshot = new Snapshot(await this.#fresh(options), options);
    return snapshot.getMany<V>(keys);
  }

  async has(key: Key, options: ReadOptions = {}): Promise<boolean> {
    return (await this.#read(userKey(key), options))?.value !== undefined;
  }

  /** The probe goes out with the read: strength costs a request, not a round trip. */
  async #read({ stored, bytes }: StoredAndBytes, options: ReadOptions): Promise<TailEntry | undefined> {
    this.#context.lifetime.checkBegun();
    options.signal?.throwIfAborted();
    const view = this.#tip.view;
    if (this.#isFreshEnough(options)) return view.get(stored, bytes, options);
    const [now, found] = await Promise.all([
      this.#tip.refresh(options.signal),
      view.get(stored, bytes, options),
    ]);
    return now === view ? found : now.get(stored, bytes, options);
  }

  async #fresh(options: ReadOptions): Promise<View> {
    this.#context.lifetime.checkBegun();
    options.signal?.throwIfAborted();
    return this.#isFreshEnough(options) ? this.#tip.view : this.#tip.refresh(options.signal);
  }

  #isFreshEnough({ maxStalenessMs = 0 }: ReadOptions): boolean {
    return maxStalenessMs > 0 && this.#tip.ageMs() <= maxStalenessMs;
  }

  async *list<V = unknown>(
    range?: Range,
    options: ReadOptions & ListOptions = {},
  ): AsyncGenerator<Entry<V>, void, undefined> {
    yield* new Snapshot(await this.#fresh(options), options).list<V>(range, options);
  }

  async *keys(
    range?: Range,
    options: ReadOptions & ListOptions = {},
  ): AsyncGenerator<KeyTuple, void, undefined> {
    yield* new Snapshot(await this.#fresh(options), options).keys(range, options);
  }

  async count(range?: Range, options: ReadOptions & ListOptions = {}): Promise<number> {
    return new Snapshot(await this.#fresh(options), options).count(range, options);
  }

  set(key: Key, value: unknown, options: WriteOptions = {}): Promise<WriteResult> {
    const input = () => ['set', userKey(key).bytes, value === undefined ? null : encodeValue(value)];
    return this.#write((tx) => tx.set(key, value), options, input);
  }

  delete(key: Key, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write(
      (tx) => tx.delete(key),
      options,
      () => ['delete', userKey(key).bytes],
    );
  }

  deleteRange(range: KeyRange, options: WriteOptions = {}): Promise<WriteResult> {
    const input = () => {
      const { begin, end } = userBounds(range);
      return ['deleteRange', begin, end];
    };
    return this.#write(
      async (tx) => {
        await tx.deleteRange(range);
      },
      options,
      input,
    );
  }

  /** @param input what the write is, for a request id to stand for. */
  async #write(
    body: (tx: Transaction) => Promise<void> | void,
    options: WriteOptions,
    input: () => unknown,
  ): Promise<WriteResult> {
    this.#checkWritable();
    const request = options.requestId === undefined ? {} : { input: input() };
    const { stamp } = await this.#transact(body, { ...options, ...request });
    if (stamp) return { version: stamp.version, versionstamp: formatVersionstamp(stamp) };
    // Nothing was there to delete: the state is as of now.
    const { version } = this.#tip.view;
    return { version, versionstamp: formatVersionstamp({ version, order: 0 }) };
  }

  /** Runs `body` until it commits; resolves to its value once that is durable. */
  async transact<T>(body: (tx: Transaction) => Promise<T> | T, options: TransactOptions = {}): Promise<T> {
    return (await this.#transact(body, options)).result;
  }

  #transact<T>(
    body: (tx: TransactionAttempt) => Promise<T> | T,
    options: TransactOptions,
  ): Promise<Committed<T>> {
    return this.#context.lifetime.run(() => this.#transactBegun(body, options));
  }

  async #transactBegun<T>(
    body: (tx: TransactionAttempt) => Promise<T> | T,
    options: TransactOptions,
  ): Promise<Committed<T>> {
    const parts = {
      context: this.#context,
      tip: this.#tip,
      committer: this.#committer,
      checkWritable: () => this.#refuseReadOnly(),
    };
    const committed = await runTransaction(parts, body, options);
    if (committed.stamp && this.#maintenance === 'auto') this.#flusher.consider();
    return committed;
  }

  /** Checks and writes that take effect together or not at all, in the manner of Deno KV. */
  atomic(): AtomicOperation {
    this.#checkOpen();
    return new AtomicOperation(async (body) => {
      this.#checkWritable();
      return this.#transact(body, {});
    });
  }

  /** What became of a request. `close` settles an open one for good, with one commit. */
  async outcome(
    requestId: RequestId,
    options: { close?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Outcome> {
    const entry = requestEntry(requestId);
    const { close = false, signal } = options;
    const known = outcomeOf(entry, await this.#read(entry.at, { signal }));
    if (!close || known.status !== 'open') return known;
    this.#checkWritable();
    const { result } = await this.#transact(
      async (tx) => {
        const found = await tx.readStored(entry.at);
        const now = outcomeOf(entry, found);
        if (now.status !== 'open') return now;
        tx.setStored(entry.at.stored, entry.closed(found));
        return { status: 'closed' } as const;
      },
      { signal },
    );
    return result;
  }

  /** A read view: of the newest version known here (no request), or of any retained one. */
  async snapshot(
    options: {
      at?: number | Date | undefined;
      signal?: AbortSignal | undefined;
      meter?: Meter | undefined;
    } = {},
  ): Promise<Snapshot> {
    this.#checkOpen();
    const { at } = options;
    if (at === undefined) return new Snapshot(this.#tip.view, options);
    if (typeof at !== 'number' && !(at instanceof Date))
      throw new TypeError(`snapshot: expected at to be a version or a Date, found ${typeof at}.`);
    const version = at instanceof Date ? await this.#history.versionAt(at, options) : at;
    return new Snapshot(await this.#history.viewAt(version, options), options);
  }

  /** A view of the keys under `prefix`, with codecs of its own for keys and values. */
  namespace<V = unknown>(
    prefix: Key,
    options: NamespaceOptions<V> = {},
  ): Namespace<V, WriteOptions, WriteResult> {
    this.#checkOpen();
    return new Namespace(this, prefix, options);
  }

  /** Every change to the range, in order, after version `from` (default: now). Ends when `signal` is aborted. */
  watch<V = unknown>(
    range?: KeyRange,
    options: {
      from?: number | undefined;
      signal?: AbortSignal | undefined;
      pollMs?: number | undefined;
    } = {},
  ): AsyncGenerator<Change<V>, void, undefined> {
    this.#checkOpen();
    const { pollMs = WATCH_POLL_MS } = options;
    return this.#history.watch(range, { ...options, pollMs }) as AsyncGenerator<Change<V>, void, undefined>;
  }

  /** The records, newest first, or between two versions. */
  log(
    options: { from?: number | undefined; to?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<LogEntry, void, undefined> {
    this.#checkOpen();
    return this.#history.log(options);
  }

  /** Names the newest version, and keeps it from GC until the name is dropped. */
  async checkpoint(name: string, options: CallOptions = {}): Promise<Checkpoint> {
    this.#checkWritable();
    const at = checkpointKey(name);
    const view = await this.#tip.refresh(options.signal);
    const timeMs = this.#context.clock.now();
    await this.#transact((tx) => tx.setStored(at.stored, encodeCheckpoint(view.version, timeMs)), options);
    return { name, version: view.version, time: new Date(timeMs) };
  }

  async checkpoints(options: ReadOptions = {}): Promise<Checkpoint[]> {
    return listCheckpoints(await this.#fresh(options), options.signal);
  }

  /** Resolves to whether there was one of this name. */
  async dropCheckpoint(name: string, options: CallOptions = {}): Promise<boolean> {
    this.#checkWritable();
    const at = checkpointKey(name);
    const { result } = await this.#transact(async (tx) => {
      if ((await tx.readStored(at))?.value === undefined) return false;
      tx.setStored(at.stored, undefined);
      return true;
    }, options);
    return result;
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

  /** Does what is due: a flush, if the tail has grown. For processes opened with `maintenance: 'manual'`. */
  maintain(): Promise<{ flushed: boolean }> {
    return this.#context.lifetime.run(async () => {
      this.#refuseReadOnly();
      return { flushed: isFlushDue(await this.#tip.refresh()) && (await this.#flusher.flush()) };
    });
  }

  /** Fetches and checks every object again. */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#checkOpen();
    return verify(this.#context, this.#log, await this.#tip.refresh(options.signal), options);
  }

  stats(): Stats {
    const { version, flushedThrough, floor, tailBytes, refs, manifest } = this.#tip.view;
    return {
      version,
      ...this.#committer.stats,
      flushes: this.#flusher.flushes,
      flushedThrough,
      floor,
      tailBytes,
      tailHolders: refs.length,
      segments: manifest.entries.length,
      segmentBytes: manifest.entries.reduce((sum, segment) => sum + segment.bytes, 0),
      segmentEntries: manifest.entries.reduce((sum, segment) => sum + segment.entries, 0),
      cacheBytes: this.#context.cache.bytes,
    };
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
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { lifetime, clock } = this.#context;
    lifetime.close();
    const settled = async (): Promise<void> => {
      await lifetime.idle();
      await this.#flusher.idle();
      await this.#committer.idle();
    };
    if (!(await this.#inTime(settled()))) {
      const closed = lifetime.cut();
      this.#gate.shut(closed);
      // Commits are told first, and truly; then those who never came to one.
      await this.#inTime(this.#committer.idle());
      await clock.sleep(0);
      lifetime.abandon();
    }
    // What nobody waits for any more: a hedge that lost, blocks read ahead, a probe that came late.
    this.#gate.shut(lifetime.cut());
    await this.#inTime(this.#gate.idle());
    await this.#gate.close();
  }

  /** Whether it ended in the time that what was begun has. */
  async #inTime(work: Promise<void>): Promise<boolean> {
    const stop = new AbortController();
    const late = this.#context.clock.sleep(this.#patienceMs, stop.signal).then(
      () => false,
      () => true,
    );
    const done = await Promise.race([work.then(() => true), late]);
    stop.abort();
    return done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    this.#context.lifetime.check();
  }

  #checkWritable(): void {
    this.#checkOpen();
    this.#refuseReadOnly();
  }

  #refuseReadOnly(): void {
    if (this.#readOnly)
      throw new HoldfastError(
        'READ_ONLY',
        'This database was opened with readOnly: true. Nothing was changed.',
      );
  }
}
