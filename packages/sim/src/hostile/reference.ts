/**
 * The databases that are attacked, the same bytes in every run. Each has objects of every kind and form: records
 * with inline carries and holders, deleted ranges in each of these and in a segment, checkpoints and requests;
 * what expires; small segments and such of several blocks; a value in pieces; a manifest page in its record and one of
 * its own; some also a large transaction, whose segment has no versions of its own.
 */
import { type Database, type DatabaseKey, openDatabase, type RequestId } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { Random } from '../world/random.js';
import { IdleClock } from './clock.js';
import type { Image } from './image-store.js';

export const ROOT_KEY: Uint8Array = new Uint8Array(32).fill(7);

export interface Reference {
  readonly name: string;
  readonly key: DatabaseKey;
  readonly image: Image;
  /** Committed, closed, settled, and never sent. */
  readonly requests: readonly RequestId[];
}

export const REQUESTS: readonly RequestId[] = [
  'request 1',
  'request 2',
  'closed',
  'unknown',
  { session: 'session', number: 1 },
  { session: 'session', number: 2 },
];

/** `small` is what structures are changed in; `other` a second database with the key of the first. */
export type ReferenceName = 'sealed' | 'plain' | 'small' | 'other';

interface Form {
  readonly batches: number;
  readonly valueLength: number;
  readonly bulk?: { readonly keys: number; readonly valueLength: number };
}

const LITTLE: Form = { batches: 3, valueLength: 400 };
const FORMS: Readonly<Record<ReferenceName, Form>> = {
  sealed: { batches: 18, valueLength: 1500, bulk: { keys: 36, valueLength: 14_800 } },
  plain: LITTLE,
  other: LITTLE,
  small: { ...LITTLE, bulk: { keys: 4, valueLength: 140_000 } },
};

export async function makeReference(name: ReferenceName): Promise<Reference> {
  const random = new Random(4, `reference ${name}`);
  const clock = new IdleClock();
  const store = new MemoryStore('reference');
  const key = name === 'plain' ? 'plaintext' : ROOT_KEY;
  const made = await clock.settle(async () => {
    const options = { key, clock, random: random.bytes, maintenance: 'manual' } as const;
    const db = await openDatabase(store, options);
    await fill(db, clock, random, FORMS[name]);
    await db.close();
  });
  if (!('value' in made)) throw new Error(`The reference ${name} could not be made.`, { cause: made });
  return { name, key, image: store.objects(), requests: REQUESTS };
}

async function fill(db: Database, clock: IdleClock, random: Random, form: Form): Promise<void> {
  const text = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(97 + random.below(26))).join('');
  await db.set(['a', 1], 'first');
  await db.transact(
    (tx) => {
      tx.set(['a', 2], { list: [1n, 'two', new Date(3)] });
      tx.set(['a', 3], new Map([['seed', random.uint32()]]));
      return 'done';
    },
    { requestId: 'request 1', digest: 'digest' },
  );
  // A small segment: it is fetched whole.
  await db.flush();
  clock.advance(1000);

  // Long after all campaigns: a time that is changed decides what is there.
  for (const [i, expireInMs] of [1e9, 1e12].entries())
    await db.set(['t', i], `expires in ${expireInMs} ms`, { expireInMs });

  // Several blocks, over many records, which carry one another.
  for (let i = 0; i < form.batches; i++) {
    await db.transact((tx) => {
      for (let k = 0; k < 3; k++) tx.set(['b', i, k], text(form.valueLength));
      tx.set(['c', i % 5], random.uint32());
    });
    if (i % 9 === 2) await db.delete(['b', i, 1]);
  }
  // Deleted ranges that a flush puts into a segment of their own; what their transaction writes stays.
  await db.transact((tx) => {
    for (let i = 0; i < 6; i++) tx.set(['r', i], i);
  });
  await db.transact((tx) => {
    tx.deleteRange({ prefix: ['b', 0] });
    tx.deleteRange({ gte: ['r', 1], lt: ['r', 3] });
    tx.set(['b', 0, 9], 'by the transaction of the range');
  });
  await db.set(['r', 2], 'after the range');
  await db.set(['session'], 1, { requestId: { session: 'session', number: 1 } });
  await db.flush();
  await db.checkpoint('before');

  // Keys so long that a page with this segment is too large to stay in its record.
  for (const letter of ['x', 'y']) {
    await db.transact((tx) => {
      tx.set(['long', letter.repeat(4200)], 1);
      tx.set(['long', `${letter.repeat(4200)}z`], text(20));
    });
    await db.flush();
  }

  // In two pieces, beside small ones.
  await db.transact((tx) => {
    tx.set(['large'], text(66_000));
    tx.set(['largf'], 'beside it');
    tx.set(['a', 1], 'second');
  });
  await db.flush();
  clock.advance(1000);

  const { bulk } = form;
  if (bulk) {
    await db.transact((tx) => {
      for (let i = 0; i < bulk.keys; i++) tx.set(['bulk', i], text(bulk.valueLength));
      tx.set(['b', 2, 2], 'overwritten in bulk');
      tx.delete(['a', 3]);
    });
    await db.set(['bulk', 4], 'newer');
    for (let i = 0; i < 8; i++) await db.set(['d', i], new Uint8Array(random.bytes(700)));
    await db.flush();
  }

  // A stream whose entry is in a segment, and in the tail one of no bytes that expires long after all campaigns. With
  // parts of its own it would make the page of the first one anew, and the old page be one of older versions only.
  await db.setStream(['s', 1], [random.bytes(70_000)]);
  await db.flush();
  await db.setStream(['s', 2], [], { expireInMs: 1e12 });

  // The tail: requests, and more than can be carried twice, so that there are holders.
  await db.transact(() => ({ result: 2 }), { requestId: 'request 2', input: [1, 2] });
  await db.outcome('closed', { close: true });
  await db.set(['session'], 2, { requestId: { session: 'session', number: 2 } });
  await db.delete(['a', 2]);
  await db.deleteRange({ prefix: ['c'] });
  await db.set(['e', 1], text(17_000));
  await db.set(['e', 2], [random.uint32()]);
  await db.deleteRange({ gte: ['r', 4], lt: ['r', 9] });
  await db.set(['e', 3], text(16_500));
  await db.transact((tx) => {
    tx.deleteRange({ gte: ['r', 5], lt: ['rr'] });
    tx.set(['r', 7], 'by the transaction of the range');
  });
  await db.checkpoint('after');
  await db.deleteRange({ gte: ['r', 0], lt: ['r', 1] });
  await db.set(['e', 2], null);
  await db.transact((tx) => {
    tx.set(['e', 4], true);
    tx.set(['a', 1], 'third');
  });
}
