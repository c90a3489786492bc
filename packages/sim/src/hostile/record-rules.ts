/** How a record is in order, in itself and after its parent (FORMAT.md, "Record"). */
import { NotInFormat } from './bytes.js';
import type { Body, Clear, Decided } from './layout.js';
import { extensionBytes, readEpochs, readExtensions } from './nested.js';
import type { SaidRecord } from './rebuild.js';
import { hex } from './world.js';

/** One that can be read. */
export type Readable = SaidRecord & { readonly clear: Clear; readonly body: Body };

const RECORD_BYTES_MAX = 32 * 1024 * 1024;
const STORES_MAX = 16;
const TURNS_MAX = 64;
const WAIT_MS_MAX = 60_000;

/** @param records from version 1 on. */
export function checkRecord(record: Readable, records: readonly SaidRecord[]): void {
  const { version, clear, body, size } = record;
  const [flushed, floor, tiled] = [clear.flushedThrough, clear.floor, clear.tiledThrough].map(Number);
  must(size <= RECORD_BYTES_MAX, 'a record of more than 32 MiB');
  must(flushed! < version && floor! >= 1 && floor! <= version, 'flushedThrough or floor');
  must(tiled! % 256 === 0 && tiled! < version, 'tiledThrough');
  must(clear.extensions.length <= 64 && extensionBytes(clear) <= 65_536, 'too many extensions');
  readExtensions(clear.extensions, version);
  const epochs = record.suite === 0 ? [] : readEpochs(clear.keyring);
  must(record.suite === 1 || clear.keyring.length === 0, 'a keyring without encryption');
  must(record.epoch === (epochs.at(-1) ?? 0), 'sealed under another epoch than the newest');
  for (const listed of record.pages)
    for (const { epoch } of listed ?? [])
      must(record.suite === 0 || epochs.includes(Number(epoch)), 'a segment of an epoch that is gone');

  must(Number(body.behindMs) <= Number(body.timeMs), 'a clock before 1970');
  must(body.stores.length <= STORES_MAX, 'too many stores');
  must(body.turns.length <= TURNS_MAX, 'too many turns');
  for (const { waitMs } of body.turns) must(Number(waitMs) <= WAIT_MS_MAX, 'a turn that is too long');
  for (const { readVersion } of body.transactions) must(Number(readVersion) < version, 'a read version');
  checkIntents(record);
  const from = checkHolders(record, records);
  for (const { above } of [...body.carried, ...body.carriedRanges])
    must(Number(above) > 0 && from + Number(above) < version, 'a carried version');
}

/** @returns the version after which the carry begins. */
function checkHolders({ version, clear, body }: Readable, records: readonly SaidRecord[]): number {
  let from = Number(clear.flushedThrough);
  for (const holder of body.holders) {
    const at = Number(holder.version);
    must(at > from && at < version, 'a holder out of place');
    const held = records[at - 1]!;
    must(hex(held.hash) === hex(holder.hash), 'a holder that is another record');
    must(held.size === Number(holder.bytes), 'a holder of another size');
    from = at;
  }
  return from;
}

function checkIntents({ version, body }: Readable): void {
  must(Number(body.intentFloor) < version, 'an intent floor');
  for (const { k, version: at, verdicts } of body.decided) {
    must(Number(k) >= 1 && Number(at) >= 1 && Number(at) <= version, 'a decided intent');
    for (const { kind, order } of verdicts)
      must(
        kind !== 0 || Number(at) !== version || Number(order) < body.transactions.length,
        'a verdict on a transaction that is not there',
      );
  }
}

/** That an anchored record is the log's: whoever anchors compares it, no reader of one record does. */
export function checkAnchored({ version, clear }: Readable, records: readonly SaidRecord[]): void {
  const { anchored } = readExtensions(clear.extensions, version);
  const record = anchored && records[anchored.version - 1];
  must(!record || hex(anchored.hash) === hex(record.hash), 'an anchored record that is another');
}

/** What a record must have in common with its parent, and what may only grow. */
export function checkFollows(before: Readable, record: Readable): void {
  const { version, clear, body } = record;
  must(hex(clear.parent) === hex(before.hash), 'another parent');
  must(clear.graceMs === before.clear.graceMs, 'another grace period');
  must(body.timeMs >= before.body.timeMs, 'a time that goes back');
  for (const field of ['floor', 'flushedThrough', 'tiledThrough'] as const)
    must(clear[field] >= before.clear[field], `${field} that goes back`);
  must(record.epoch >= before.epoch, 'an epoch that goes back');
  checkEpochs(before, record);
  must(body.intentFloor >= before.body.intentFloor, 'an intent floor that goes back');
  const writers = new Map(before.body.decided.map((decided) => [hex(decided.writerId), decided]));
  for (const decided of body.decided) {
    const known = writers.get(hex(decided.writerId));
    writers.delete(hex(decided.writerId));
    if (known && JSON.stringify(plain(known)) === JSON.stringify(plain(decided))) continue;
    must(Number(decided.version) === version, 'an intent decided in another record');
    must(Number(decided.k) === Number(known?.k ?? 0) + 1, 'an intent out of turn');
  }
  for (const { version: at } of writers.values())
    must(Number(at) <= Number(body.intentFloor), 'a writer of intents that is forgotten');
}

function checkEpochs(before: Readable, record: Readable): void {
  if (record.suite === 0) return;
  const epochs = new Set(readEpochs(record.clear.keyring));
  const retired = readExtensions(record.clear.extensions, record.version).retiredEpochs ?? [];
  for (const epoch of retired) must(!epochs.has(epoch), 'a retired epoch that is still there');
  for (const epoch of readEpochs(before.clear.keyring))
    must(epochs.has(epoch) || retired.includes(epoch), 'an epoch that is lost');
}

function plain({ writerId, hash, ...rest }: Decided): unknown {
  return { ...rest, writerId: hex(writerId), hash: hex(hash) };
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}
