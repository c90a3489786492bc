/**
 * From a record to the state at its version.
 *
 * Invariants:
 * - Record n+1 is laid on view n only if it names n's hash as its parent (I2); anything else is `FORK`.
 * - A view made by a jump equals the one made record by record: the carry holds every write since the flush.
 */
import {
  type CarryRef,
  carryFrom,
  corrupt,
  equalBytes,
  getBounded,
  type LogRecord,
  leafHash,
  Manifest,
  NO_INTENTS,
  objectName,
  type RecordClear,
  type RecordDraft,
  recordName,
  SEGMENT_PREFIX,
  type SegmentEntry,
  STREAM_LEVEL,
  toHex,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Context, callStore } from '../context/context.js';
import { BulkVersions } from '../state/bulk-versions.js';
import { FlushedTails } from '../state/flushed-tails.js';
import { toFragment } from '../state/range-tombstones.js';
import { toStoredKey } from '../state/space.js';
import { TailBuilder, tailEntry } from '../state/tail.js';
import { type Contention, NO_CONTENTION, View } from '../state/view.js';
import { continues } from './continuity.js';
import { fork } from './fork.js';
import { type Early, type Log, missingRecord } from './log.js';
import { checkDescends, checkFollows } from './succession.js';

/** What of a record makes a state. */
export type StateRecord = RecordClear &
  Pick<LogRecord, 'hash' | 'bytes' | 'epoch'> & { readonly body: RecordDraft };

interface AdvanceOptions extends CallOptions {
  /** The record's manifest, where its writer has it at hand. */
  readonly manifest?: Manifest | undefined;
}

/** The state at `record.version`, from the state one version earlier. */
export async function advance(
  context: Context,
  view: View,
  record: StateRecord,
  options: AdvanceOptions = {},
): Promise<View> {
  if (record.version !== view.version + 1)
    throw new RangeError(`Expected record ${view.version + 1}, found ${record.version}.`);
  if (!equalBytes(record.parent, view.hash))
    throw fork(context, view, record, 'its parent is another record');
  checkFollows(view, record);
  const { carry } = record.body;
  const tail = new TailBuilder(
    view.tail,
    record.flushedThrough,
    carryFrom(carry, record.flushedThrough),
    view.flushedThrough,
  );
  addOwnWrites(tail, record);
  const manifest = await manifestOf(context, record, [options.manifest, view.manifest], options);
  // A record that publishes a flush leaves the tail before it to those that are kept.
  const after = view.flushedThrough;
  const flushed = record.flushedThrough === after ? view.flushed : view.flushed.with(view.tail, after);
  return makeView(context, record, tail, manifest, { flushed, bulk: view.bulk });
}

/**
 * The state at `record.version`, from its carry.
 * @param known an older state that this process holds: it spares what it covers, once the record is shown to
 * continue it.
 */
export async function jump(
  context: Context,
  log: Log,
  record: LogRecord,
  known?: View,
  options: CallOptions & { readonly early?: Early | undefined } = {},
): Promise<View> {
  if (known !== undefined && record.version <= known.version)
    throw new RangeError(`Expected a record after ${known.version}, found ${record.version}.`);
  const base = known && known.flushedThrough <= record.flushedThrough ? known : undefined;
  const { refs } = record.body.carry;
  // What the base's tail holds reaches to its version; a carry that starts later leaves a stretch to holders.
  const covered = Math.max(record.flushedThrough, base?.version ?? 0);
  const needed = refs.filter((ref) => ref.version > covered);
  const [, manifest, ...holders] = await Promise.all([
    known && continues(context, log, known, record, options),
    manifestOf(context, record, [known?.manifest], options),
    ...needed.map((ref) => readHolder(context, log, ref, record, options)),
  ]);
  if (known) checkDescends(known, record);
  const from = carryFrom(record.body.carry, record.flushedThrough);
  const tail = new TailBuilder(base?.tail, record.flushedThrough, from, base?.flushedThrough);
  for (const holder of holders) {
    addCarried(tail, holder, record.flushedThrough);
    addOwnWrites(tail, holder, record.flushedThrough);
  }
  addCarried(tail, record, record.flushedThrough);
  addOwnWrites(tail, record);
  // A flush that was jumped over may have moved writes that were never here.
  const flushed = known?.flushedThrough === record.flushedThrough ? known.flushed : FlushedTails.none;
  return makeView(context, record, tail, manifest, { flushed, bulk: BulkVersions.after(record.version) });
}

async function readHolder(
  context: Context,
  log: Log,
  ref: CarryRef,
  record: LogRecord,
  options: CallOptions,
): Promise<LogRecord> {
  const holder = await log.read(ref.version, options);
  if (holder === undefined) throw missingRecord(ref.version, `record ${record.version}`);
  if (!equalBytes(holder.hash, ref.hash))
    throw fork(
      context,
      record,
      holder,
      `record ${record.version} names another one, with hash ${toHex(ref.hash)}`,
    );
  if (holder.bytes !== ref.bytes)
    throw corrupt(
      recordName(record.version),
      `expected holder ${ref.version} of ${holder.bytes} bytes, found ${ref.bytes}`,
    );
  return holder;
}

function addCarried(tail: TailBuilder, record: LogRecord, flushedThrough: number): void {
  const { ranges, entries } = record.body.carry;
  const isLeft = ({ version }: { readonly version: number }): boolean => version > flushedThrough;
  tail.addRanges(ranges.filter(isLeft).map((range) => toFragment(range, range)));
  for (const entry of entries.filter(isLeft))
    tail.add(toStoredKey(entry.key), tailEntry(entry, entry.version, entry.order));
}

function addOwnWrites(tail: TailBuilder, record: StateRecord, flushedThrough = 0): void {
  const { version } = record;
  if (version <= flushedThrough) return;
  for (const [order, transaction] of record.body.transactions.entries())
    tail.addTransaction(transaction, version, order);
}

function makeView(
  context: Context,
  record: StateRecord,
  tail: TailBuilder,
  manifest: Manifest,
  { flushed, bulk: known }: Pick<View, 'flushed' | 'bulk'>,
): View {
  const { sha256 } = context.sealing.provider;
  let ownBytes = 0;
  let hasBulk = false;
  for (const [order, { bulkRun, rangeDeletes = [], writes }] of record.body.transactions.entries()) {
    if (bulkRun !== 0 && checkBulkRun(record.version, order, bulkRun, manifest)) hasBulk = true;
    for (const { key, value } of writes) ownBytes += key.length + (value?.length ?? 0);
    for (const { begin, end } of rangeDeletes) ownBytes += begin.length + end.length;
  }
  return new View(
    {
      version: record.version,
      hash: record.hash,
      timeMs: record.body.timeMs,
      clockMs: record.body.timeMs - (record.body.behindMs ?? 0),
      flushedThrough: record.flushedThrough,
      floor: record.floor,
      tiledThrough: record.tiledThrough,
      graceMs: record.graceMs,
      extensions: record.extensions,
      epoch: record.epoch,
      history: record.history.append(sha256, leafHash(sha256, record.hash)),
      keyring: record.keyring,
      stores: record.body.stores,
      intents: record.body.intents ?? NO_INTENTS,
      contention: contentionOf(record),
      madeBy: record.body.writerId,
      refs: record.body.carry.refs,
      recordBytes: record.bytes,
      ownBytes,
      tail: tail.finish(),
      flushed,
      bulk: hasBulk && record.version > known.from ? known.with(record.version) : known,
      manifest,
    },
    context,
  );
}

function contentionOf({ body }: StateRecord): Contention {
  const { contended = false, successor, turns = [] } = body;
  if (!contended && turns.length === 0) return NO_CONTENTION;
  return { contended, successor, turns };
}

/**
 * A transaction's run is there, and what is searched of it is that transaction's: its ranges stand in the record.
 * @returns whether anything of it is searched: not the parts of a stream.
 */
function checkBulkRun(version: number, order: number, bulkRun: number, manifest: Manifest): boolean {
  const segments = manifest.entries.filter(({ run }) => run === bulkRun);
  const isIts = ({ level, ranges, stampVersion, stampOrder }: SegmentEntry): boolean =>
    level === STREAM_LEVEL || (ranges === 0 && stampVersion === version && stampOrder === order);
  if (segments.length === 0 || !segments.every(isIts))
    throw corrupt(
      recordName(version),
      `expected run ${bulkRun} of its transaction ${order} in its manifest, found ${segments.length === 0 ? 'none' : 'what is not its'}`,
    );
  return segments.some(({ level }) => level !== STREAM_LEVEL);
}

/** Most records change nothing in the manifest: one that is at hand then serves, and else its pages do. */
async function manifestOf(
  context: Context,
  record: RecordClear,
  atHand: readonly (Manifest | undefined)[],
  options: CallOptions,
): Promise<Manifest> {
  const known = atHand.filter((manifest) => manifest !== undefined);
  const same = known.find((manifest) => equalBytes(manifest.section, record.manifestSection));
  return same ?? loadManifest(context, record, options, known);
}

/** @param known manifests whose pages need not be fetched again. */
export async function loadManifest(
  context: Context,
  record: RecordClear,
  options: CallOptions = {},
  known: readonly Manifest[] = [],
): Promise<Manifest> {
  const object = recordName(record.version);
  const { manifestSection, manifestRoot } = record;
  const fetchPage = async (name: string, bytes: number): Promise<Uint8Array | undefined> =>
    (await callStore(`reading ${name}`, () => getBounded(context.store, name, bytes, options)))?.bytes;
  const { sealing } = context;
  const { signal } = options;
  const manifest = await Manifest.load(
    sealing,
    manifestSection,
    manifestRoot,
    object,
    fetchPage,
    known,
    signal,
  );
  // It would hide what is written until then.
  const early = manifest.entries.find(({ maxVersion }) => maxVersion > record.version);
  if (early)
    throw corrupt(
      object,
      `expected segments of versions up to ${record.version} in its manifest, found ${objectName(SEGMENT_PREFIX, early.id)} with version ${early.maxVersion}`,
    );
  return manifest;
}
