/**
 * Reads everything a bucket claims to hold, through every kind of read, and compares it with the truth: what a
 * client that can be deceived would return is told apart from what it refuses.
 */

import { createHash } from 'node:crypto';
import { encodeKey, encodeValue, HoldfastError, type Key, toHex } from '@holdfast/core';
import { type Database, type OpenOptions, openDatabase, type Snapshot } from '@holdfast/mvcc';
import { type Changes, type Image, ImageStore } from './image-store.js';

/** The state at each version, and the newest one. */
export interface Truth {
  readonly image: Image;
  readonly key: OpenOptions['key'];
  readonly version: number;
  readonly states: ReadonlyMap<number, readonly string[]>;
  readonly keys: readonly Key[];
  readonly requests: readonly string[];
  /** What else was read: checkpoints, outcomes. By version. */
  readonly others: ReadonlyMap<number, string>;
}

export interface Finding {
  /** What the database found itself at; undefined: it did not open. */
  readonly version: number | undefined;
  readonly databaseId: string | undefined;
  /** Codes of the refusals, and `verify` where it names a problem. */
  readonly codes: readonly string[];
  /** Reads that returned what is not true, or failed without a code. */
  readonly wrong: readonly string[];
}

const ABSENT: readonly Key[] = [['absent'], ['a', 99], ['zz', 'zz']];

const digest = (value: unknown): string =>
  createHash('sha256').update(encodeValue(value)).digest('base64url');

async function stateOf(source: Database | Snapshot): Promise<string[]> {
  const lines: string[] = [];
  for await (const { key, value, versionstamp } of source.list())
    lines.push(`${toHex(encodeKey(key))} ${versionstamp} ${digest(value)}`);
  return lines;
}

async function othersOf(db: Database, requests: readonly string[]): Promise<string> {
  const checkpoints = (await db.checkpoints()).map(({ name, version }) => [name, version]);
  const outcomes: unknown[] = [];
  for (const id of requests) outcomes.push(await db.outcome(id));
  return JSON.stringify([checkpoints, outcomes]);
}

/** The truth about an honest image. */
export async function truthOf(
  image: Image,
  options: { key: OpenOptions['key']; requests?: readonly string[] },
): Promise<Truth> {
  const { key, requests = [] } = options;
  const db = await openDatabase(new ImageStore(image), { key, readOnly: true });
  const states = new Map<number, string[]>();
  const others = new Map<number, string>();
  const keys = new Map<string, Key>();
  const logs = [...image.keys()].filter((name) => name.startsWith('log/')).sort();
  for (let version = 1; version <= db.version; version++) {
    const snapshot = await db.snapshot({ at: version });
    states.set(version, await stateOf(snapshot));
    for await (const key of snapshot.keys()) keys.set(toHex(encodeKey(key)), key);
    // The database as it was when this was its newest version.
    const newer = logs.slice(0, db.version - version).map((name) => [name, undefined] as const);
    const then = await openDatabase(new ImageStore(image, new Map(newer)), { key, readOnly: true });
    others.set(version, await othersOf(then, requests));
  }
  return { image, key, version: db.version, states, keys: [...keys.values()], requests, others };
}

/** Reads the changed image in every way there is. */
export async function examine(
  truth: Truth,
  changes: Changes,
  options: {
    key?: OpenOptions['key'];
    pastVersions?: readonly number[];
    verify?: 'always' | 'unnoticed';
  } = {},
): Promise<Finding> {
  const codes: string[] = [];
  const wrong: string[] = [];
  const attempt = async <T>(
    what: string,
    read: () => Promise<T>,
    check?: (found: T) => boolean,
  ): Promise<T | undefined> => {
    try {
      const found = await read();
      if (check && !check(found)) wrong.push(`${what} is not what was written`);
      return found;
    } catch (error) {
      if (error instanceof HoldfastError) codes.push(error.code);
      else wrong.push(`${what} failed without a code: ${String((error as Error)?.stack ?? error)}`);
      return undefined;
    }
  };
  const db = await attempt('open', () =>
    openDatabase(new ImageStore(truth.image, changes), { key: options.key ?? truth.key, readOnly: true }),
  );
  if (!db) return { version: undefined, databaseId: undefined, codes, wrong };
  const { version } = db;
  const state = truth.states.get(version) ?? [];
  const values = new Map(state.map((line) => [line.split(' ')[0], line]));
  await attempt(
    'the list',
    () => stateOf(db),
    (found) => same(found, state),
  );
  for (const key of [...truth.keys, ...ABSENT]) {
    const hex = toHex(encodeKey(key));
    await attempt(
      `get ${hex.slice(0, 40)}`,
      () => db.getEntry(key),
      (entry) =>
        entry === undefined
          ? !values.has(hex)
          : values.get(hex) === `${hex} ${entry.versionstamp} ${digest(entry.value)}`,
    );
  }
  await attempt(
    'checkpoints and outcomes',
    () => othersOf(db, truth.requests),
    (found) => found === truth.others.get(version),
  );
  for (const at of options.pastVersions ?? truth.states.keys()) {
    if (at >= version) continue;
    await attempt(
      `version ${at}`,
      async () => stateOf(await db.snapshot({ at })),
      (found) => same(found, truth.states.get(at) ?? []),
    );
  }
  if (options.verify === 'unnoticed' && codes.length > 0)
    return { version, databaseId: toHex(db.id), codes, wrong };
  await attempt('verify', async () => {
    const report = await db.verify({ deep: true });
    if (!report.ok) codes.push('verify');
  });
  return { version, databaseId: toHex(db.id), codes, wrong };
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}
