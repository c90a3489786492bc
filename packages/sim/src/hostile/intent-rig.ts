/**
 * A database with intents that are out, and a process that comes to it and makes records: it looks for what others have
 * announced, now and then, and carries it.
 */
import { encodeValue } from '@holdfast/core';
import { openDatabase } from '@holdfast/mvcc';
import { Random } from '../world/random.js';
import { checkCarried } from './carried-rules.js';
import { IdleClock } from './clock.js';
import { filled, only, userKey } from './field-writes.js';
import type { Changes, Image } from './image-store.js';
import { type Announced, type Content, writeContent } from './intent-layout.js';
import type { Decided } from './layout.js';
import { Model } from './model.js';
import { OverlayStore } from './overlay-store.js';
import { rebuild, sealIntent, segmentsAsTheyAre } from './rebuild.js';
import { makeReference, type Reference, ROOT_KEY } from './reference.js';
import { Notes } from './verdict.js';
import { hex, openRecord, openWorld, sha256, type World } from './world.js';

/** So many that it has looked at every intent, one after the other. */
const COMMITS = 14;

export interface Rig {
  readonly image: Image;
  readonly world: World;
  /** Names of the intents, by what they are: the first and second of one writer, the first of another. */
  readonly names: { readonly first: string; readonly second: string; readonly other: string };
}

/** What came of it. */
export interface Carried {
  /** What has gone wrong for the process that makes records. */
  readonly notes: Notes;
  /** What the newest record says of each writer, by its id in hex. */
  readonly decided: ReadonlyMap<string, Decided>;
  readonly image: Image;
}

/** @param reference default: a small one. */
export async function makeRig(reference?: Reference): Promise<Rig> {
  const { image } = reference ?? (await makeReference('other'));
  const world = await openWorld(image);
  const version = world.records.length;
  const { envelope } = world.records.at(-1)!;
  const random = new Random(4, 'intents that are out');
  const transaction = (n: number): Announced => ({
    readVersion: version,
    nowMs: 1_750_000_000_000,
    reads: {
      points: [userKey('a', 1), userKey('i', n)],
      ranges: [{ begin: userKey('a', 4), hasEnd: 1, end: userKey('a', 9) }],
    },
    ranges: [only(userKey('q', n))],
    staged: 0,
    changes: [
      { key: userKey('i', 'sum'), mutations: [{ kind: 0, operand: encodeValue(n) }] },
      { key: userKey('i', n), form: 1, value: encodeValue(n) },
    ],
  });
  const contentOf = (n: number): Content => ({
    nonce: random.bytes(16),
    processId: filled(16, n),
    base: version,
    recordsMade: 0,
    roundTripMs: 50,
    turnMs: 100,
    losses: 0,
    hasFlush: 0,
    transactions: [transaction(n)],
  });
  const objects = new Map(image);
  const seal = async (n: number, place?: { readonly writerId: Uint8Array; readonly k: number }) => {
    const content = writeContent(contentOf(n));
    const { writerId, k } = place ?? { writerId: sha256(content).slice(0, 16), k: 1 };
    const said = { ...envelope, kind: 4, objectId: intentId(writerId, k), salt: random.bytes(32) };
    const name = `int/${hex(writerId)}/${k}`;
    objects.set(name, await sealIntent(world, said, content));
    return { writerId, name };
  };
  const { writerId, name: first } = await seal(1);
  const { name: second } = await seal(2, { writerId, k: 2 });
  const { name: other } = await seal(3);
  return { image: objects, world: await openWorld(objects), names: { first, second, other } };
}

export function intentId(writerId: Uint8Array, k: number): Uint8Array {
  const id = new Uint8Array(24);
  id.set(writerId);
  new DataView(id.buffer).setBigUint64(16, BigInt(k));
  return id;
}

/** Lets a process commit to the database as it is shown. */
export async function carry(
  { image, world }: Pick<Rig, 'image' | 'world'>,
  changes: Changes,
): Promise<Carried> {
  const notes = new Notes();
  const clock = new IdleClock();
  const store = await OverlayStore.of(image, changes, clock);
  const random = new Random(4, 'carrier').bytes;
  const settled = await clock.settle(async () => {
    const db = await openDatabase(store, { key: ROOT_KEY, clock, random, maintenance: 'manual' });
    for (let n = 0; n < COMMITS; n++) await db.set(['own', n], n);
    await db.close();
  });
  if ('hung' in settled) notes.wrong.push(`a commit hung: ${settled.hung}`);
  else if ('error' in settled) notes.failed('a commit', settled.error);
  const after = store.objects();
  const made = [...after.keys()].filter((name) => name.startsWith('log/') && !image.has(name));
  const written = new Set<string>();
  let decided: readonly Decided[] = [];
  for (const name of made.reverse()) {
    const { body } = await openRecord(world.keys, name, after.get(name)!);
    for (const { writes } of body.transactions) for (const { key } of writes) written.add(hex(key));
    decided = body.decided;
  }
  for (let n = 0; n < COMMITS; n++)
    if ('value' in settled && !written.has(hex(userKey('own', n))))
      notes.wrong.push(`what was committed as ${n} is in no record`);
  return { notes, decided: new Map(decided.map((each) => [hex(each.writerId), each])), image: after };
}

/**
 * That what the process made is in order, and that it carried what was announced.
 * @param intents all that are as they should be.
 * @throws NotInFormat where it is not.
 */
export async function checkMade(image: Image, intents: World['intents']): Promise<void> {
  const log = new Map([...image].filter(([name]) => !name.startsWith('int/')));
  const world = await openWorld(log);
  const model = new Model(await rebuild(world, {}), await segmentsAsTheyAre(world));
  model.check([], model.floor());
  model.checkContinuity();
  checkCarried(model, intents);
}
