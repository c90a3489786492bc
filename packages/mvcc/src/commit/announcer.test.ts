/** What an owner concludes from the newest table, row by row (decision 0021, 11). */
import { type DecidedIntent, intentName } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, expect, test } from 'vitest';
import { type Opened, openParts } from '../open.js';
import type { View } from '../state/view.js';
import { Announcer, type Outstanding } from './announcer.js';

const HINTS = { processId: new Uint8Array(16), recordsMade: 0, roundTripMs: 100, turnMs: 500, losses: 0 };

let store: MemoryStore;
let opened: Opened;
let announcer: Announcer;
let out: Outstanding;
beforeEach(async () => {
  store = new MemoryStore();
  opened = await openParts(store, { key: 'plaintext' });
  announcer = new Announcer(opened.context, opened.tip, opened.log);
  out = await announcer.announce(opened.tip.view, { waiting: [] }, HINTS, {});
  await out.sent;
});

/** The newest state, with another table. */
function withTable(floor: number, ...decided: DecidedIntent[]): View {
  return { ...opened.tip.view, intents: { floor, decided } } as View;
}

const ours = (more: Partial<DecidedIntent> = {}): DecidedIntent => ({
  writerId: out.writerId,
  k: out.k,
  hash: out.hash,
  version: 2,
  verdicts: [{ kind: 'void' }],
  ...more,
});

test('an intent is in the store under its name, once it was sent', () => {
  expect([...store.objects().keys()]).toContain(intentName(out.writerId, 1));
  expect(out.k).toBe(1);
});

test('with its number and its hash the verdicts are its own', async () => {
  const conclusion = await announcer.conclude(withTable(0, ours()), {});
  expect(conclusion).toMatchObject({ kind: 'decided', version: 2, verdicts: [{ kind: 'void' }] });
  expect(announcer.out).toBeUndefined();
});

test("with its number and another hash they are a clone's, and its own never counted", async () => {
  const hash = out.hash.slice();
  hash[0]! ^= 1;
  expect(await announcer.conclude(withTable(0, ours({ hash })), {})).toEqual({ kind: 'never' });
  const next = await announcer.announce(opened.tip.view, { waiting: [] }, HINTS, {});
  expect(next.writerId).not.toEqual(out.writerId);
});

test('while it can count it is not decided', async () => {
  expect(await announcer.conclude(withTable(out.base), {})).toBeUndefined();
  expect(announcer.out).toBe(out);
});

test('when it can count no more the records since tell, and they know nothing of it: it never did', async () => {
  expect(await announcer.conclude(withTable(out.base + 1), {})).toEqual({ kind: 'never' });
});

test('the next one has the next number, while the table knows the last', async () => {
  const table = withTable(0, ours());
  await announcer.conclude(table, {});
  const next = await announcer.announce(table, { waiting: [] }, HINTS, {});
  expect([next.writerId, next.k]).toEqual([out.writerId, 2]);
});

test('and begins a writer anew where the table does not: it was dropped, or a clone has gone on', async () => {
  await announcer.conclude(withTable(0, ours()), {});
  const next = await announcer.announce(withTable(0, ours({ k: 2 })), { waiting: [] }, HINTS, {});
  expect(next.k).toBe(1);
  expect(next.writerId).not.toEqual(out.writerId);
});
