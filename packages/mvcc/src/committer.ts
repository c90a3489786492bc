/**
 * Turns transactions into records: group commit, validation, rebase. DESIGN: "Life of a commit".
 *
 * Invariants:
 * - A transaction is acknowledged only after its record is known to be in the chain (I4).
 * - What a transaction read was not written between its read version and its place in the log (I5).
 * - At most one record of this process is under way; what arrives meanwhile makes the next group. No timer.
 */
import {
  carryFrom,
  type Entry,
  encodeRecord,
  equalBytes,
  HoldfastError,
  type LoggedTransaction,
  type Manifest,
  type PageUpload,
  placeSegment,
  type RecordBody,
  type RecordClear,
  recordName,
  type SegmentDescriptor,
  toHex,
  type Write,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { advance, type StateRecord } from './advance.js';
import type { Context } from './context.js';
import type { Log } from './log.js';
import { applyMutations, type Change } from './mutation.js';
import { publish } from './publish.js';
import type { ReadSet } from './read-set.js';
import { newObjectId, putNew } from './segment-upload.js';
import { fromStoredKey, type StoredKey } from './space.js';
import { instant, type Tip } from './tip.js';
import { ORDER_MAX, type Stamp } from './versionstamp.js';
import type { View } from './view.js';

/** What a transaction hands over to be committed. */
export interface Proposal extends CallOptions {
  readonly readVersion: number;
  readonly reads: ReadSet;
  readonly changes: ReadonlyMap<StoredKey, Change>;
  /** Segments that hold its plain writes, durable already; `changes` names their keys too. */
  readonly bulk?: readonly SegmentDescriptor[] | undefined;
  /** What the plain writes weigh in the record, bytes. */
  readonly bytes: number;
}

/** A flush that is durable and waits for a record to publish it. */
export interface PreparedFlush {
  /** The flush before it, which must still be the last one. */
  readonly after: number;
  readonly through: number;
  readonly segments: readonly SegmentDescriptor[];
}

interface Waiting {
  readonly proposal: Proposal;
  readonly resolve: (stamp: Stamp) => void;
  readonly reject: (error: unknown) => void;
}

interface Loser {
  readonly waiting: Waiting;
  readonly error: HoldfastError;
}

interface Accepted {
  readonly waiting: Waiting;
  readonly writes: readonly Write[];
}

/** A record carries its writes inline up to here; the rest of the queue goes into the next. */
const GROUP_BYTES_MAX = 1024 * 1024;
const GROUP_TRANSACTIONS_MAX = Math.min(4096, ORDER_MAX);
/** The inline carry's bound: this, or a multiple of what the record itself writes, so that it stays a fair price. */
const CARRY_BYTES_MIN = 16 * 1024;
const CARRY_BYTES_MAX = 256 * 1024;
const CARRY_TIMES_OWN = 4;

export interface CommitterStats {
  commits: number;
  transactions: number;
  conflicts: number;
  rebases: number;
}

export class Committer {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #writerId: Uint8Array;
  readonly #commitTimeoutMs: number;
  readonly #storeFingerprint: Uint8Array | undefined;
  #queue: Waiting[] = [];
  #flush: { prepared: PreparedFlush; done: (published: boolean) => void } | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  readonly stats: CommitterStats = { commits: 0, transactions: 0, conflicts: 0, rebases: 0 };
  /** Runs before the first record is sent: the probe of an unfamiliar store. */
  beforeFirst: (() => Promise<void>) | undefined;

  constructor(
    context: Context,
    log: Log,
    tip: Tip,
    parts: { writerId: Uint8Array; commitTimeoutMs: number; storeFingerprint: Uint8Array | undefined },
  ) {
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
    this.#writerId = parts.writerId;
    this.#commitTimeoutMs = parts.commitTimeoutMs;
    this.#storeFingerprint = parts.storeFingerprint;
  }

  /** Resolves when the transaction is durable; rejects with CONFLICT when what it read has changed. */
  commit(proposal: Proposal): Promise<Stamp> {
    if (this.#closed)
      return Promise.reject(
        new HoldfastError(
          'CLOSED',
          'The database was closed before this transaction could commit. Nothing was changed.',
        ),
      );
    return new Promise((resolve, reject) => {
      const { signal } = proposal;
      const waiting: Waiting = { proposal, resolve, reject };
      // Only while it waits: once its record is sent, how that went has to be learnt.
      const leave = (): void => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#queue.push(waiting);
      this.#start();
    });
  }

  /** Takes no more transactions; resolves when those that were taken are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await this.#running;
  }

  /** Publishes a flush with the next record. Resolves to whether it was: another process may have been first. */
  publishFlush(prepared: PreparedFlush): Promise<boolean> {
    return new Promise((resolve) => {
      this.#flush = { prepared, done: resolve };
      this.#start();
    });
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 || this.#flush) this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 || this.#flush) {
      await this.#gather();
      const group = this.#takeGroup([]);
      const flush = this.#flush;
      this.#flush = undefined;
      try {
        const flushed = await this.#commitGroup(group, flush?.prepared);
        flush?.done(flushed);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
        flush?.done(false);
      }
    }
  }

  /** Lets callers that were just acknowledged, and go on to write, join the group: microtasks only, no timer. */
  async #gather(): Promise<void> {
    for (let seen = -1; seen < this.#queue.length; ) {
      seen = this.#queue.length;
      for (let turn = 0; turn < 16; turn++) await undefined;
    }
  }

  /** Moves as much of the queue into `group` as one record takes. */
  #takeGroup(group: Waiting[]): Waiting[] {
    let bytes = group.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    let count = 0;
    for (const { proposal } of this.#queue) {
      const full = group.length + count >= GROUP_TRANSACTIONS_MAX || bytes + proposal.bytes > GROUP_BYTES_MAX;
      if (full && group.length + count > 0) break;
      bytes += proposal.bytes;
      count++;
    }
    group.push(...this.#queue.splice(0, count));
    return group;
  }

  /** @returns whether the flush was published. */
  async #commitGroup(group: Waiting[], flush: PreparedFlush | undefined): Promise<boolean> {
    // Who lost to a member of the group hears of it when that member is durable: run again earlier, it would
    // read the same state and lose again.
    const losers: Loser[] = [];
    try {
      return await this.#commitMembers(group, losers, flush);
    } finally {
      for (const { waiting, error } of losers) waiting.reject(error);
    }
  }

  async #commitMembers(
    group: Waiting[],
    losers: Loser[],
    flush: PreparedFlush | undefined,
  ): Promise<boolean> {
    if (this.beforeFirst) {
      await this.beforeFirst();
      this.beforeFirst = undefined;
    }
    const startedMs = this.#context.clock.monotonic();
    for (let attempts = 1; ; attempts++) {
      if (this.#tip.isStale()) await this.#tip.follow();
      const view = this.#tip.view;
      const accepted = await this.#validate(view, group, losers);
      group.splice(0, group.length, ...accepted.map(({ waiting }) => waiting));
      const usable = flush && flush.after === view.flushedThrough ? flush : undefined;
      if (accepted.length === 0 && !usable) return false;
      const built = await this.#build(view, accepted, usable);
      const outcome = await publish(this.#context, this.#log, built.record.version, built.bytes, {
        timeoutMs: this.#commitTimeoutMs,
        makeFence: async () => (await this.#build(view, [], undefined)).bytes,
      });
      const mine =
        outcome === 'created' ? await this.#confirm(view, built) : await this.#findAfterLoss(built);
      if (mine) {
        this.stats.commits++;
        this.stats.transactions += accepted.length;
        this.#context.emit({
          type: 'commit',
          version: built.record.version,
          transactions: accepted.length,
          bytes: built.bytes.length,
          attempts,
          ms: this.#context.clock.monotonic() - startedMs,
        });
        for (const [order, { waiting }] of accepted.entries())
          waiting.resolve({ version: built.record.version, order });
        group.length = 0;
        return usable !== undefined;
      }
      this.stats.rebases++;
      this.#context.emit({ type: 'rebase', from: view.version, to: this.#tip.view.version });
      this.#takeGroup(group);
    }
  }

  /** The store created our record. Whether that makes it part of the chain. */
  async #confirm(view: View, built: BuiltRecord): Promise<boolean> {
    // A slot that looked empty may have been a collected one: after half the grace period only the tip tells.
    if (this.#tip.isStale()) {
      const newest = await this.#log.newest();
      const tip = newest === undefined ? undefined : await this.#log.read(newest);
      if (tip === undefined || tip.version < built.record.version || tip.floor > built.record.version) {
        await this.#tip.follow();
        return false;
      }
    }
    const next = await advance(this.#context, view, built.record, { manifest: built.manifest });
    this.#tip.adopt(next, instant(this.#context.clock));
    return true;
  }

  /** The slot is taken: by a copy of our own PUT, or by another writer, whose records we then follow. */
  async #findAfterLoss(built: BuiltRecord): Promise<boolean> {
    await this.#tip.follow(true);
    const { version, hash } = built.record;
    if (this.#tip.view.version < version)
      throw new HoldfastError(
        'CORRUPT',
        `The store says that ${recordName(version)} exists, and then that it doesn't. Expected read-after-write consistency; nothing was acknowledged.`,
        { maybeCommitted: true },
      );
    const seen = this.#tip.hashAt(version) ?? (await this.#log.readHeader(version))?.hash;
    return seen !== undefined && equalBytes(seen, hash);
  }

  /** Keeps what can be laid on `view`; the rest is answered here: conflicts, aborts, mutations of a wrong type. */
  async #validate(view: View, group: readonly Waiting[], losers: Loser[]): Promise<Accepted[]> {
    const accepted: Accepted[] = [];
    const written = new Set<StoredKey>();
    const pending = new Map<StoredKey, Uint8Array | undefined>();
    for (const waiting of group) {
      const { proposal } = waiting;
      const { signal, meter } = proposal;
      try {
        signal?.throwIfAborted();
        if (proposal.readVersion < view.floor - 1)
          throw new HoldfastError(
            'TRANSACTION_TOO_OLD',
            `The transaction read version ${proposal.readVersion}; the oldest still retained is ${view.floor}. Start it again.`,
          );
        if (await proposal.reads.isOverwrittenIn(view, proposal.readVersion, { signal, meter }))
          throw this.#conflict(view, proposal);
        if (proposal.reads.overlaps(written)) {
          losers.push({ waiting, error: this.#conflict(view, proposal) });
          continue;
        }
        const writes: Write[] = [];
        for (const [stored, change] of proposal.changes) {
          const value =
            'value' in change ? change.value : await this.#resolve(view, pending, stored, change, proposal);
          if (!proposal.bulk || 'mutations' in change) writes.push({ key: fromStoredKey(stored), value });
          pending.set(stored, value);
        }
        for (const stored of proposal.changes.keys()) written.add(stored);
        accepted.push({ waiting, writes });
      } catch (error) {
        waiting.reject(error);
      }
    }
    return accepted;
  }

  #conflict(view: View, proposal: Proposal): HoldfastError {
    this.stats.conflicts++;
    this.#context.emit({ type: 'conflict', version: view.version });
    return new HoldfastError(
      'CONFLICT',
      `Another transaction wrote what this one had read at version ${proposal.readVersion}. Nothing was changed; run it again.`,
    );
  }

  async #resolve(
    view: View,
    pending: ReadonlyMap<StoredKey, Uint8Array | undefined>,
    stored: StoredKey,
    change: Extract<Change, { mutations: unknown }>,
    { signal, meter }: CallOptions,
  ): Promise<Uint8Array> {
    const base = pending.has(stored)
      ? pending.get(stored)
      : (await view.get(stored, fromStoredKey(stored), { signal, meter }))?.value;
    return applyMutations(
      base,
      change.mutations,
      () => `the key with bytes ${toHex(fromStoredKey(stored).subarray(1))}`,
    );
  }

  async #build(
    view: View,
    accepted: readonly Accepted[],
    flush: PreparedFlush | undefined,
  ): Promise<BuiltRecord> {
    const { sealing, clock } = this.#context;
    const version = view.version + 1;
    const flushedThrough = flush?.through ?? view.flushedThrough;
    const uploads: PageUpload[] = [];
    let manifest = view.manifest;
    const addRun = async (
      segments: readonly SegmentDescriptor[],
      stamp: { stampVersion?: number; stampOrder?: number },
    ): Promise<number> => {
      const run = manifest.nextRun;
      const placed = segments.map((segment) => placeSegment(segment, { level: 0, run, ...stamp }));
      const added = await manifest.withRun(sealing, placed, () => newObjectId(this.#context, view.version));
      manifest = added.manifest;
      uploads.push(...added.uploads);
      return run;
    };
    if (flush && flush.segments.length > 0) await addRun(flush.segments, {});
    const transactions: LoggedTransaction[] = [];
    for (const [order, { waiting, writes }] of accepted.entries()) {
      const { readVersion, bulk } = waiting.proposal;
      const bulkRun = bulk ? await addRun(bulk, { stampVersion: version, stampOrder: order }) : 0;
      transactions.push({ readVersion, bulkRun, writes });
    }
    await Promise.all(uploads.map(({ name, bytes }) => putNew(this.#context, name, bytes)));
    const clear: RecordClear = {
      version,
      parent: view.hash,
      flushedThrough,
      floor: view.floor,
      history: view.history,
      keyring: sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
    };
    const body: RecordBody = {
      writerId: this.#writerId,
      timeMs: Math.max(clock.now(), view.timeMs),
      stores: withStore(view.stores, this.#storeFingerprint),
      transactions,
      carry: planCarry(view, flushedThrough),
    };
    const { bytes, hash } = await encodeRecord(sealing, clear, body, this.#context.random(16));
    return { bytes, manifest, record: { ...clear, body, hash, bytes: bytes.length } };
  }
}

interface BuiltRecord {
  readonly record: StateRecord;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

/** What the record after `view` carries of the older tail. */
export function planCarry(view: View, flushedThrough: number): RecordBody['carry'] {
  const refs = view.refs.filter((ref) => ref.version > flushedThrough);
  if (view.version <= flushedThrough) return { refs: [], entries: [] };
  const bound = Math.min(Math.max(CARRY_BYTES_MIN, view.ownBytes * CARRY_TIMES_OWN), CARRY_BYTES_MAX);
  // The record before holds all of it already: name it instead of saying it again.
  if (view.tail.freshBytes > bound)
    return {
      refs: [...refs, { version: view.version, hash: view.hash, bytes: view.recordBytes }],
      entries: [],
    };
  const from = carryFrom({ refs, entries: [] }, flushedThrough);
  const entries: Entry[] = view.tail.freshEntries().filter((entry) => entry.version > from);
  return { refs, entries };
}

function withStore(
  stores: readonly Uint8Array[],
  fingerprint: Uint8Array | undefined,
): readonly Uint8Array[] {
  if (!fingerprint || stores.some((known) => equalBytes(known, fingerprint))) return stores;
  return [...stores, fingerprint].slice(-STORES_MAX);
}

const STORES_MAX = 16;
