/** Makes the record that was planned: gives it its manifest, its writer and its time, seals and hashes it. */
import {
  encodeRecord,
  equalBytes,
  type Manifest,
  type PageUpload,
  placeSegment,
  type RecordClear,
  type RecordDraft,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { StateRecord } from '../log/advance.js';
import type { Plan } from './plan.js';
import { newObjectId, putNew } from './segment-upload.js';

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

  /** @param storeFingerprint of the store in use, once it has passed its probe. */
  constructor(context: Context, writerId: Uint8Array, storeFingerprint: Uint8Array | undefined) {
    this.#context = context;
    this.#writerId = writerId;
    this.#storeFingerprint = storeFingerprint;
  }

  /**
   * The record that is planned, with the pages it names durable already (I3).
   * @param calls what bounds the uploads.
   */
  async build(plan: Plan, calls: CallOptions = {}): Promise<BuiltRecord> {
    const { sealing, clock } = this.#context;
    const { parent: view, version, edited, transactions, carry } = plan;
    const uploads: PageUpload[] = [];
    let { manifest } = view;
    for (const { segments, ...stamp } of plan.runs) {
      const placed = segments.map((segment) =>
        placeSegment(segment, { level: 0, run: manifest.nextRun, ...stamp }),
      );
      const added = await manifest.withRun(sealing, placed, () => newObjectId(this.#context, view.version));
      manifest = added.manifest;
      uploads.push(...added.uploads);
    }
    await Promise.all(uploads.map(({ name, bytes }) => putNew(this.#context, name, bytes, calls)));
    const clear: RecordClear = {
      version,
      parent: view.hash,
      ...edited,
      history: view.history,
      keyring: sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
    };
    const body: RecordDraft = {
      writerId: this.#writerId,
      timeMs: Math.max(clock.now(), view.timeMs),
      stores: withStore(view.stores, this.#storeFingerprint),
      transactions,
      carry,
    };
    const { bytes, hash } = await encodeRecord(sealing, clear, body, this.#context.random(16));
    return { bytes, manifest, record: { ...clear, body, hash, bytes: bytes.length } };
  }
}

function withStore(
  stores: readonly Uint8Array[],
  fingerprint: Uint8Array | undefined,
): readonly Uint8Array[] {
  if (!fingerprint || stores.some((known) => equalBytes(known, fingerprint))) return stores;
  return [...stores, fingerprint].slice(-STORES_MAX);
}
