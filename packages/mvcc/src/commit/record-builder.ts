/** Makes the record that follows a state: transactions, a flush, and what has to be carried. */
import {
  carryFrom,
  encodeRecord,
  equalBytes,
  type Manifest,
  type PageUpload,
  passedOn,
  placeSegment,
  type RecordClear,
  type RecordDraft,
  type SegmentDescriptor,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { StateRecord } from '../log/advance.js';
import type { View } from '../state/view.js';
import type { Accepted, PreparedFlush } from './proposal.js';
import { newObjectId, putNew } from './segment-upload.js';

/** The inline carry's bound: this, or a multiple of what the record itself writes, so that it stays a fair price. */
const CARRY_BYTES_MIN = 16 * 1024;
const CARRY_BYTES_MAX = 256 * 1024;
const CARRY_TIMES_OWN = 4;
const STORES_MAX = 16;

export interface BuiltRecord {
  readonly record: StateRecord;
  /** What is sent. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

export class RecordBuilder {
  readonly #context: Context;
  readonly #writerId: Uint8Array;
  readonly #storeFingerprint: Uint8Array | undefined;
  /** How far this process has tiled the history, durably. */
  tiledThrough = 0;

  /** @param storeFingerprint of the store in use, once it has passed its probe. */
  constructor(context: Context, writerId: Uint8Array, storeFingerprint: Uint8Array | undefined) {
    this.#context = context;
    this.#writerId = writerId;
    this.#storeFingerprint = storeFingerprint;
  }

  /**
   * The record after `view`, with the pages it names durable already (I3).
   * @param accepted in the order of the record.
   * @param calls what bounds the uploads.
   */
  async build(
    view: View,
    accepted: readonly Accepted[],
    flush: PreparedFlush | undefined,
    calls: CallOptions = {},
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
    const transactions: RecordDraft['transactions'][number][] = [];
    for (const [order, { waiting, writes }] of accepted.entries()) {
      const { readVersion, bulk } = waiting.proposal;
      const bulkRun = bulk ? await addRun(bulk, { stampVersion: version, stampOrder: order }) : 0;
      transactions.push({ readVersion, bulkRun, writes });
    }
    await Promise.all(uploads.map(({ name, bytes }) => putNew(this.#context, name, bytes, calls)));
    const clear: RecordClear = {
      version,
      parent: view.hash,
      flushedThrough,
      floor: view.floor,
      tiledThrough: Math.max(view.tiledThrough, this.tiledThrough),
      graceMs: view.graceMs,
      history: view.history,
      keyring: sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
      extensions: passedOn(view.extensions),
    };
    const nowMs = clock.now();
    const timeMs = Math.max(nowMs, view.timeMs);
    const body: RecordDraft = {
      writerId: this.#writerId,
      timeMs,
      behindMs: timeMs - nowMs,
      stores: withStore(view.stores, this.#storeFingerprint),
      transactions,
      carry: planCarry(view, flushedThrough),
    };
    const { bytes, hash } = await encodeRecord(sealing, clear, body, this.#context.random(16));
    return {
      bytes,
      manifest,
      record: { ...clear, body, hash, bytes: bytes.length, epoch: sealing.currentEpoch },
    };
  }
}

/** What the record after `view` carries of the older tail. */
function planCarry(view: View, flushedThrough: number): RecordDraft['carry'] {
  const refs = view.refs.filter((ref) => ref.version > flushedThrough);
  if (view.version <= flushedThrough) return { refs: [], entries: [] };
  const bound = Math.min(Math.max(CARRY_BYTES_MIN, view.ownBytes * CARRY_TIMES_OWN), CARRY_BYTES_MAX);
  // The record before holds all of it already: name it instead of saying it again.
  if (view.tail.freshBytes > bound)
    return {
      refs: [...refs, { version: view.version, hash: view.hash, bytes: view.recordBytes }],
      entries: [],
    };
  const from = carryFrom({ refs }, flushedThrough);
  return { refs, entries: view.tail.encodeFresh(from) };
}

function withStore(
  stores: readonly Uint8Array[],
  fingerprint: Uint8Array | undefined,
): readonly Uint8Array[] {
  if (!fingerprint || stores.some((known) => equalBytes(known, fingerprint))) return stores;
  return [...stores, fingerprint].slice(-STORES_MAX);
}
