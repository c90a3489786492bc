/** Makes the record that was planned: gives it its manifest, its writer and its time, seals and hashes it. */
import {
  encodeRecord,
  equalBytes,
  HoldfastError,
  type Manifest,
  type PageUpload,
  passedOn,
  placeSegment,
  type RecordClear,
  type RecordDraft,
  STORES_MAX,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { wallMs } from '../context/wall.js';
import type { StateRecord } from '../log/advance.js';
import type { View } from '../state/view.js';
import { newObjectId, putNew } from './new-object.js';
import type { Plan } from './plan.js';

export interface BuiltRecord {
  readonly record: StateRecord;
  /** What is sent. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

export class RecordBuilder {
  readonly #context: Context;
  /** Of this process: 16 random bytes, drawn when it opened the database. */
  readonly processId: Uint8Array;
  readonly #storeFingerprint: Uint8Array | undefined;
  /** How far this process has tiled the history, durably. */
  tiledThrough = 0;

  /** @param storeFingerprint of the store in use, once it has passed its probe. */
  constructor(context: Context, processId: Uint8Array, storeFingerprint: Uint8Array | undefined) {
    this.#context = context;
    this.processId = processId;
    this.#storeFingerprint = storeFingerprint;
  }

  /**
   * The record that is planned, with the pages it names durable already (I3).
   * @param calls what bounds the uploads.
   */
  async build(plan: Plan, calls: CallOptions = {}): Promise<BuiltRecord> {
    const { sealing, clock } = this.#context;
    const { parent: view, version, edited, transactions, carry, intents, contention } = plan;
    checkPolicy(view);
    const uploads: PageUpload[] = [];
    let { manifest } = view;
    for (const { segments, ...place } of plan.runs) {
      const placed = segments.map((segment) => placeSegment(segment, { run: manifest.nextRun, ...place }));
      const added = await manifest.withRun(sealing, placed, () => newObjectId(this.#context, view.version));
      manifest = added.manifest;
      uploads.push(...added.uploads);
    }
    if (plan.replaced.remove.length > 0) {
      const changed = await manifest.edit(sealing, plan.replaced, () =>
        newObjectId(this.#context, view.version),
      );
      manifest = changed.manifest;
      uploads.push(...changed.uploads);
    }
    // Where a record changes the manifest several times, one may have been listed anew with the next: the page before is nobody's.
    const named = new Set(uploads.length > 0 ? manifest.pageNames() : []);
    await Promise.all(
      uploads
        .filter(({ name }) => named.has(name))
        .map(({ name, bytes }) => putNew(this.#context, name, bytes, calls)),
    );
    const clear: RecordClear = {
      version,
      parent: view.hash,
      ...edited,
      tiledThrough: Math.max(view.tiledThrough, this.tiledThrough),
      graceMs: view.graceMs,
      history: view.history,
      keyring: sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
      extensions: passedOn(view.extensions),
    };
    const nowMs = wallMs(clock);
    const timeMs = Math.max(nowMs, view.timeMs);
    const body: RecordDraft = {
      writerId: this.processId,
      timeMs,
      behindMs: timeMs - nowMs,
      stores: withStore(view.stores, this.#storeFingerprint),
      transactions,
      intents,
      ...contention,
      carry,
    };
    const { bytes, hash } = await encodeRecord(sealing, clear, body, this.#context.random(16));
    return {
      bytes,
      manifest,
      // In this order: V8 makes a shape for each property that comes behind a spread.
      record: { body, hash, bytes: bytes.length, epoch: sealing.currentEpoch, ...clear },
    };
  }
}

/**
 * One writer that holds to less than the database's policy would void it for all.
 * @throws HoldfastError UNSUPPORTED_FORMAT where it asks for more than this build can do.
 */
function checkPolicy({ version, extensions }: View): void {
  const { policy } = extensions;
  if (policy !== undefined && policy.tier > 0)
    throw new HoldfastError(
      'UNSUPPORTED_FORMAT',
      `The policy of this database (record ${version}) asks its writers for freshness tier L${policy.tier}: this build holds to L0 only. Nothing was changed; write with a newer build.`,
    );
}

function withStore(
  stores: readonly Uint8Array[],
  fingerprint: Uint8Array | undefined,
): readonly Uint8Array[] {
  if (!fingerprint || stores.some((known) => equalBytes(known, fingerprint))) return stores;
  return [...stores, fingerprint].slice(-STORES_MAX);
}
