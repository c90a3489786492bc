/**
 * The bucket is the adversary: whatever it changes, cuts, swaps, hides or puts in another's place, what is read is
 * exactly right or refused in plain words (I7). At tier L0 it can still show an older state whole; that state is
 * then right for the version it says it is.
 *
 * By default a few thousand mutations: every byte of the newest record and of a small segment, a stride through the
 * rest. HOLDFAST_TAMPER=every takes every byte of every object (about two hours).
 */
import {
  concatBytes,
  decodeRecordHeader,
  encodeRecord,
  encodeValue,
  openRecord,
  recordName,
  type Sealing,
} from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { openDatabase } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { beforeAll, describe, expect, test } from 'vitest';
import { openTestDatabase, TEST_KEY } from './support/database.js';
import { examine, type Finding, type Truth, truthOf } from './support/examine.js';
import { type Changes, type Image, ImageStore } from './support/image-store.js';

const EVERY = process.env.HOLDFAST_TAMPER === 'every';
const LONG_MS = EVERY ? 6 * 60 * 60 * 1000 : 300_000;
const SOUND_CODES = new Set(['CORRUPT', 'WRONG_KEY', 'UNSUPPORTED_FORMAT', 'verify']);
const REQUESTS = { requests: ['request', 'unknown'] };
const { sha256 } = defaultProvider();

/** One object of each kind and form: holders, carries, an inline page and one of its own, small and split values. */
async function reference(key: Uint8Array | 'plaintext', seed: number): Promise<Image> {
  const store = new MemoryStore();
  const db = await openTestDatabase(store, { key, maintenance: 'manual' });
  await db.set(['a', 1], seed);
  await db.transact(
    (tx) => {
      tx.set(['a', 2], { seed, list: [1n, 'two', new Date(3)] });
      tx.set(['a', 3], new Map([['seed', seed]]));
      return 'done';
    },
    { requestId: 'request' },
  );
  await db.flush();
  // Keys so long that the page with this segment is too large to stay in the record.
  await db.transact((tx) => {
    tx.set(['long', 'x'.repeat(4200)], seed);
    tx.set(['long', 'y'.repeat(4200)], seed);
  });
  await db.flush();
  // Split into two pieces.
  await db.set(['large'], 'z'.repeat(66_000));
  await db.flush();
  await db.delete(['a', 1]);
  await db.checkpoint('checkpoint');
  await db.set(['b', 1], seed);
  await db.delete(['a', 3]);
  // Too much to be carried twice: the record after the next names the next as its holder.
  await db.set(['b', 2], 'w'.repeat(17_000));
  await db.set(['b', 3], [seed]);
  await db.set(['b', 1], -seed);
  await db.close();
  return store.objects();
}

/** A large transaction, whose segments have no versions of their own. */
async function bulkReference(): Promise<Image> {
  const store = new MemoryStore();
  const db = await openTestDatabase(store, { maintenance: 'manual' });
  await db.set(['bulk', 3], 'overwritten');
  await db.transact((tx) => {
    for (let i = 0; i < 10; i++) tx.set(['bulk', i], `${i}`.repeat(60_000));
    tx.delete(['bulk', 'nothing']);
  });
  await db.set(['bulk', 4], 'newer');
  await db.close();
  return store.objects();
}

let truth: Truth;
beforeAll(async () => {
  truth = await truthOf(await reference(TEST_KEY, 1), { key: TEST_KEY, ...REQUESTS });
});

const versionOf = (name: string): number | undefined =>
  name.startsWith('log/') ? Number(2n ** 53n - 1n - BigInt(`0x${name.slice(4)}`)) : undefined;

/** Runs mutations one after the other; each must be refused, and nothing wrong may be returned. */
class Campaign {
  readonly #truth: Truth;
  readonly #failures: string[] = [];
  count = 0;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  async run(what: string, changes: Changes): Promise<Finding> {
    this.count++;
    // Of the past, the versions whose own record was changed; `verify` reads the others too.
    const pastVersions = [...changes.keys()].flatMap((name) => versionOf(name) ?? []);
    // Most are refused before `verify` is asked: it is then asked each fourth time.
    const verify = EVERY || this.count % 4 === 0 ? 'always' : 'unnoticed';
    const finding = await examine(this.#truth, changes, { pastVersions, verify });
    const unsound = finding.codes.filter((code) => !SOUND_CODES.has(code));
    if (finding.wrong.length > 0) this.#failures.push(`${what}: ${finding.wrong.join('; ')}`);
    if (unsound.length > 0) this.#failures.push(`${what}: ${unsound.join(', ')}`);
    if (finding.codes.length === 0) this.#failures.push(`${what}: not noticed`);
    return finding;
  }

  end(mutationsMin: number): void {
    expect(this.#failures).toEqual([]);
    expect(this.count).toBeGreaterThanOrEqual(mutationsMin);
  }
}

/** Which bytes of an object of this size are flipped. */
function* offsets(size: number, whole: boolean): Generator<number> {
  for (let at = 0; at < size; at++) {
    const fromEnd = Math.min(at, size - 1 - at);
    const stride = fromEnd < 512 ? 23 : Math.ceil(size / 30);
    if (EVERY || whole || at % stride === 0) yield at;
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << (at % 8);
  return copy;
}

/** As an attacker would who knows that a record ends with its hash. */
function rehashed(record: Uint8Array): Uint8Array {
  const copy = record.slice();
  copy.set(sha256(copy.subarray(0, copy.length - 32)), copy.length - 32);
  return copy;
}

const isSmall = (bytes: Uint8Array): boolean => bytes.length < 400;

test('the reference has objects of every kind, and unchanged it is read exactly', async () => {
  const names = [...truth.image.keys()];
  for (const [prefix, count] of Object.entries({ 'log/': 15, 'seg/': 3, 'man/': 1 }))
    expect(names.filter((name) => name.startsWith(prefix)).length).toBeGreaterThanOrEqual(count);
  const db = await openDatabase(new ImageStore(truth.image), { key: TEST_KEY, readOnly: true });
  expect(db.stats()).toMatchObject({ tailHolders: 1, segments: 3 });
  expect((await db.verify()).unreferenced).toBe(0);
  expect(truth.states.get(truth.version)).toHaveLength(7);
  expect(await examine(truth, new Map())).toMatchObject({ version: truth.version, codes: [], wrong: [] });
});

test('a flipped bit anywhere is refused', { timeout: LONG_MS }, async () => {
  const campaign = new Campaign(truth);
  const newest = recordName(truth.version);
  for (const [name, bytes] of truth.image)
    for (const at of offsets(bytes.length, name === newest || isSmall(bytes)))
      await campaign.run(`${name}[${at}]`, new Map([[name, flipped(bytes, at)]]));
  campaign.end(1900);
});

test('a flipped bit in a large transaction is refused', { timeout: LONG_MS }, async () => {
  const bulk = await truthOf(await bulkReference(), { key: TEST_KEY });
  const campaign = new Campaign(bulk);
  const [name, bytes] = [...bulk.image].find(([key]) => key.startsWith('seg/'))!;
  expect(bytes.length).toBeGreaterThan(500_000);
  for (const at of offsets(bytes.length, false))
    await campaign.run(`${name}[${at}]`, new Map([[name, flipped(bytes, at)]]));
  campaign.end(70);
});

test('an attacker who repairs the outer hash gets no further', { timeout: LONG_MS }, async () => {
  const campaign = new Campaign(truth);
  const name = recordName(truth.version);
  const bytes = truth.image.get(name)!;
  for (let at = 0; at < bytes.length - 32; at++) {
    const { version } = await campaign.run(`${name}[${at}]`, new Map([[name, rehashed(flipped(bytes, at))]]));
    expect(version).toBe(undefined);
  }
  campaign.end(700);
});

test('an object cut short or made longer is refused', { timeout: LONG_MS }, async () => {
  const campaign = new Campaign(truth);
  const newest = recordName(truth.version);
  for (const [name, bytes] of truth.image) {
    const every = EVERY || name === newest || isSmall(bytes);
    const step = every ? 1 : Math.ceil(bytes.length / 12);
    for (let length = 0; length < bytes.length; length += step)
      await campaign.run(`${name} cut to ${length}`, new Map([[name, bytes.slice(0, length)]]));
    for (const more of [1, 32, 4096]) {
      const longer = new Uint8Array(bytes.length + more);
      longer.set(bytes);
      await campaign.run(`${name} with ${more} more`, new Map([[name, longer]]));
    }
    await campaign.run(`${name} doubled`, new Map([[name, concatBytes(bytes, bytes)]]));
  }
  campaign.end(1200);
});

test('no object can stand for another, nor two for each other', { timeout: LONG_MS }, async () => {
  const campaign = new Campaign(truth);
  const objects = [...truth.image];
  for (const [a, ofA] of objects)
    for (const [b, ofB] of objects) {
      if (a === b) continue;
      await campaign.run(`${b} in the place of ${a}`, new Map([[a, ofB]]));
      if (a < b)
        await campaign.run(
          `${a} and ${b} exchanged`,
          new Map([
            [a, ofB],
            [b, ofA],
          ]),
        );
    }
  campaign.end(500);
});

describe('what is missing', () => {
  test('a missing object is corruption, never an absent key', async () => {
    const campaign = new Campaign(truth);
    const newest = recordName(truth.version);
    for (const name of truth.image.keys())
      if (name !== newest) await campaign.run(`${name} deleted`, new Map([[name, undefined]]));
    campaign.end(truth.image.size - 1);
  });

  test('without its newest records the database is what it was before them, and says so', async () => {
    for (let version = truth.version - 1; version >= 1; version--) {
      const hidden: [string, undefined][] = [];
      for (let v = version + 1; v <= truth.version; v++) hidden.push([recordName(v), undefined]);
      // At L0 this replay can't be told from the truth; what is read is exactly the older state.
      expect(await examine(truth, new Map(hidden))).toMatchObject({ version, codes: [], wrong: [] });
    }
  });

  test('without its log it is corrupt, not empty, and is not made anew', async () => {
    const logs = [...truth.image.keys()].filter((name) => name.startsWith('log/'));
    const store = new ImageStore(truth.image, new Map(logs.map((name) => [name, undefined])));
    await expect(openTestDatabase(store)).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('objects of another database with the same key', () => {
  let other: Image;
  beforeAll(async () => {
    other = await reference(TEST_KEY, 2);
  });

  test('cannot stand for the ones of this', async () => {
    const campaign = new Campaign(truth);
    const newest = recordName(truth.version);
    const kinds = (image: Image, prefix: string): string[] =>
      [...image.keys()].filter((name) => name.startsWith(prefix)).sort();
    for (const prefix of ['log/', 'seg/', 'man/']) {
      const theirs = kinds(other, prefix);
      for (const [i, name] of kinds(truth.image, prefix).entries())
        if (name !== newest)
          await campaign.run(`the other's ${name}`, new Map([[name, other.get(theirs[i]!)]]));
    }
    campaign.end(truth.image.size - 1);
  });

  test('shown whole or by their newest record, they are the other database: its id tells', async () => {
    const mine = (await examine(truth, new Map())).databaseId;
    const whole = new Map([...[...truth.image.keys()].map((name) => [name, undefined] as const), ...other]);
    const newest = recordName(truth.version);
    for (const changes of [whole, new Map([[newest, other.get(newest)]])]) {
      const { databaseId } = await examine(truth, changes, { pastVersions: [] });
      expect(databaseId).not.toBe(mine);
    }
  });
});

describe('controls: what the proofs above rest on', () => {
  /** Changes a value in the newest record and makes everything fit again, with nothing but public knowledge. */
  async function forge(
    image: Image,
    sealing: Omit<Sealing, 'databaseId'>,
    version: number,
  ): Promise<Changes> {
    const name = recordName(version);
    const header = decodeRecordHeader(sha256, image.get(name)!, version);
    const { databaseId } = header.envelope;
    const { body } = await openRecord({ ...sealing, databaseId }, header);
    const [transaction] = body.transactions;
    const writes = transaction!.writes.map((write) => ({ ...write, value: encodeValue('forged') }));
    const forged = { ...body, transactions: [{ ...transaction!, writes }] };
    const { bytes } = await encodeRecord({ ...sealing, databaseId }, header, forged, header.commitId);
    return new Map([[name, bytes]]);
  }

  const sealingOf = (suite: 0 | 1, epochKey: Uint8Array, epoch: number): Omit<Sealing, 'databaseId'> => ({
    provider: defaultProvider(),
    suite,
    currentEpoch: epoch,
    epochKey: async () => epochKey,
    random: (length) => new Uint8Array(length),
  });

  test('without encryption a forged value is believed: the examination would see it', async () => {
    const plain = await truthOf(await reference('plaintext', 3), { key: 'plaintext', ...REQUESTS });
    const changes = await forge(plain.image, sealingOf(0, new Uint8Array(32), 0), plain.version);
    const finding = await examine(plain, changes);
    expect(finding.version).toBe(plain.version);
    expect(finding.wrong.length).toBeGreaterThanOrEqual(2);
    expect(finding.codes).toEqual([]);
    const db = await openDatabase(new ImageStore(plain.image, changes), { key: 'plaintext', readOnly: true });
    expect(await db.get(['b', 1])).toBe('forged');
  });

  test('with encryption the same forger, without the key, fails', async () => {
    const header = decodeRecordHeader(sha256, truth.image.get(recordName(truth.version))!, truth.version);
    const { epoch } = header.envelope;
    const keyless = sealingOf(1, new Uint8Array(32).fill(9), epoch);
    await expect(forge(truth.image, keyless, truth.version)).rejects.toMatchObject({ code: 'CORRUPT' });
    // Nor may the record claim that there is no encryption.
    const plain = await reference('plaintext', 3);
    const name = recordName(truth.version);
    const finding = await examine(truth, new Map([[name, plain.get(name)]]));
    expect(finding).toMatchObject({ version: undefined, codes: ['WRONG_KEY'], wrong: [] });
  });
});
