/** What of others' intents is found, what of it may be carried, and what is let go. */
import {
  type AnnouncedTransaction,
  encodeValue,
  INTENT_PREFIX,
  type Intent,
  intentName,
  type SealedIntent,
  sealIntent,
  toHex,
} from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { FaultyStore, RecordingStore, seededRandom } from '@holdfast/object-store/testing';
import { beforeEach, expect, test } from 'vitest';
import type { Context } from '../context/context.js';
import { openDatabase } from '../database.js';
import { openParts } from '../open.js';
import { View } from '../state/view.js';
import { Collector } from './collector.js';
import { tableAfter } from './intents-table.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const LISTED = { list: true, own: new Set<string>(), skip: new Set<string>() };
const UNLISTED = { ...LISTED, list: false };

let memory: MemoryStore;
let faults: FaultyStore;
let calls: RecordingStore;
let context: Context;
let view: View;
let collector: Collector;
beforeEach(async () => {
  memory = new MemoryStore();
  const db = await openDatabase(memory, OPTIONS);
  for (let n = 0; n < 5; n++) await db.set('n', n);
  faults = new FaultyStore(memory);
  calls = new RecordingStore(faults);
  ({
    context,
    tip: { view },
  } = await openParts(calls, OPTIONS));
  collector = new Collector(context);
  calls.reset();
});

const write = (value: unknown): AnnouncedTransaction => ({
  readVersion: 1,
  nowMs: 0,
  reads: { points: [], ranges: [] },
  rangeDeletes: [],
  changes: [{ key: Uint8Array.of(1, 2), value: encodeValue(value) }],
});
const random = seededRandom(5);
async function announce(
  o: Partial<Intent> = {},
  place: Parameters<typeof sealIntent>[2] = 'first',
): Promise<SealedIntent> {
  const intent: Intent = {
    processId: random(16),
    base: view.version,
    recordsMade: 0,
    roundTripMs: 1,
    turnMs: 1,
    losses: 0,
    transactions: [write(1)],
    ...o,
  };
  const sealed = await sealIntent(context.sealing, intent, place, random(16));
  await memory.put(intentName(sealed.writerId, sealed.k), sealed.bytes);
  return sealed;
}
/** A later state, in which these were decided, and `records` more have come. */
function later(decided: readonly SealedIntent[], records = 1): View {
  const version = view.version + 1;
  const entries = decided.map(({ writerId, k, hash }) => ({ writerId, k, hash, version, verdicts: [] }));
  entries.sort((a, b) => (toHex(a.writerId) < toHex(b.writerId) ? -1 : 1));
  const intents = tableAfter(view.intents, entries, version);
  return new View({ ...view, intents, version: view.version + records }, context);
}
const carriable = (of: View = view): string[] =>
  collector.carriable(of).map(({ writerId, k }) => `${toHex(writerId)}/${k}`);
const nameOf = ({ writerId, k }: SealedIntent): string => `${toHex(writerId)}/${k}`;
const asked = (): string[] => calls.calls.filter(({ kind }) => kind === 'get').map(({ key }) => key);

test('a newcomer is found by a listing, and by nothing else', async () => {
  const one = await announce();
  await collector.collect(view, UNLISTED);
  expect([carriable(), calls.calls]).toEqual([[], []]);
  await collector.collect(view, LISTED);
  expect(carriable()).toEqual([nameOf(one)]);
  expect(collector.heard).toBe(1);
});

test('who was heard of lately is asked for the next one, until that was not there three times', async () => {
  const one = await announce();
  const after = later([one], 2);
  for (let n = 0; n < 6; n++) await collector.collect(after, UNLISTED);
  expect(asked()).toEqual(new Array(3).fill(intentName(one.writerId, 2)));
  calls.reset();
  const two = await announce({ base: after.version }, { writerId: one.writerId, k: 2 });
  await collector.collect(after, LISTED);
  expect(carriable(after)).toEqual([nameOf(two)]);
});

test('who was not heard of for some records is not asked', async () => {
  const one = await announce();
  await collector.collect(later([one], 20), UNLISTED);
  expect(asked()).toEqual([]);
});

test('its own, and those that the record under way decides, are not asked for', async () => {
  const [mine, decided, other] = [await announce(), await announce(), await announce()];
  const after = later([mine, decided, other], 2);
  const own = new Set([toHex(mine.writerId)]);
  await collector.collect(after, { list: false, own, skip: new Set([toHex(decided.writerId)]) });
  expect(asked()).toEqual([intentName(other.writerId, 2)]);
  calls.reset();
  await announce({}, { writerId: mine.writerId, k: 2 });
  await collector.collect(after, { ...LISTED, own });
  expect(asked()).not.toContain(intentName(mine.writerId, 2));
});

test('what counts no more is let go, and not found again', async () => {
  const one = await announce();
  await collector.collect(view, LISTED);
  const after = later([one]);
  expect(carriable(after)).toEqual([]);
  await collector.collect(after, LISTED);
  expect([carriable(after), carriable(view)]).toEqual([[], []]);
});

test('what its writer knows more of than this process waits until that is known', async () => {
  const one = await announce({ base: view.version + 2 });
  await collector.collect(view, LISTED);
  expect(carriable()).toEqual([]);
  expect(carriable(later([], 2))).toEqual([nameOf(one)]);
});

test('what does not authenticate is as good as absent, and is read again when it is asked for again', async () => {
  const one = await announce();
  faults.corruptByte(intentName(one.writerId, 1), 200);
  await collector.collect(view, LISTED);
  expect([carriable(), collector.heard]).toEqual([[], 0]);
  faults.clear();
  await collector.collect(view, LISTED);
  expect(carriable()).toEqual([nameOf(one)]);
});

test('the same intent is not read twice, nor kept twice', async () => {
  await announce();
  await Promise.all([collector.collect(view, LISTED), collector.collect(view, LISTED)]);
  await collector.collect(view, LISTED);
  expect([asked().length, carriable().length, collector.heard]).toEqual([1, 1, 1]);
});

test('a listing that fails, or a store that answers with errors, is nobody’s failure', async () => {
  const one = await announce();
  for (const kind of ['list', 'get'] as const) {
    faults.failBefore(kind, { when: (key) => key.startsWith(INTENT_PREFIX) });
    await collector.collect(view, LISTED);
    expect(carriable()).toEqual([]);
  }
  await collector.collect(view, LISTED);
  expect(carriable()).toEqual([nameOf(one)]);
});

test('of any number of writers 256 are asked for at once', async () => {
  for (let n = 0; n < 300; n++) await announce();
  await collector.collect(view, LISTED);
  expect([asked().length, carriable().length]).toEqual([256, 256]);
});

test('what is kept of them is bounded by its bytes', async () => {
  const large = 'x'.repeat(1_900_000);
  for (let n = 0; n < 12; n++) await announce({ transactions: [write(large)] });
  await collector.collect(view, LISTED);
  expect(carriable()).toHaveLength(8);
  // What was decided makes room.
  const decided = collector
    .carriable(view)
    .map(({ writerId, k, hash }) => ({ writerId, k, hash }) as SealedIntent);
  const after = later(decided);
  await collector.collect(after, LISTED);
  expect(carriable(after)).toHaveLength(4);
});

test('names that are nobody’s are passed over', async () => {
  const one = await announce();
  for (const name of ['int/', 'int/x', 'int/0/1', `int/${'ab'.repeat(16)}/0`, `int/${'ab'.repeat(16)}/01`])
    await memory.put(name, Uint8Array.of(1));
  await collector.collect(view, LISTED);
  expect(asked()).toEqual([intentName(one.writerId, 1)]);
});

test('many that are over are deleted by who lists them, few are left to their writers', async () => {
  const few: SealedIntent[] = [];
  for (let n = 0; n < 256; n++) few.push(await announce());
  await collector.collect(later(few), LISTED);
  expect(memory.objects().has(intentName(few[0]!.writerId, 1))).toBe(true);
  const all = [...few, await announce()];
  await collector.collect(later(all), LISTED);
  await Promise.resolve();
  expect([...memory.objects().keys()].filter((name) => name.startsWith(INTENT_PREFIX))).toEqual([]);
});
