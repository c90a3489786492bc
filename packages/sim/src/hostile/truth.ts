/** What an honest image holds: every version, and what each says besides its entries. */
import { createHash } from 'node:crypto';
import { encodeKey, encodeValue, type Key, toHex } from '@holdfast/core';
import { type Database, openDatabase, type RequestId, type Snapshot, StreamValue } from '@holdfast/mvcc';
import type { IdleClock } from './clock.js';
import { ImageStore } from './image-store.js';
import type { Reference } from './reference.js';

export interface Truth {
  readonly reference: Reference;
  readonly version: number;
  /** Of each version, one line for each entry. */
  readonly states: ReadonlyMap<number, readonly string[]>;
  /** Of each version: what its streams hold, one line for each. */
  readonly streams: ReadonlyMap<number, readonly string[]>;
  /** Of the newest version: the line of each key, by the key in hex. */
  readonly lines: ReadonlyMap<string, string>;
  /** Every key that was ever there. */
  readonly keys: readonly Key[];
  /** Checkpoints and outcomes of requests, by version. */
  readonly others: ReadonlyMap<number, string>;
  /** What the log says of each version. */
  readonly log: ReadonlyMap<number, string>;
  /** What each version changed; the first one has none before it to be watched from. */
  readonly changes: ReadonlyMap<number, readonly string[]>;
}

export const digestOf = (value: unknown): string =>
  value === undefined
    ? 'none'
    : createHash('sha256')
        .update(encodeValue(shownOf(value)))
        .digest('base64url');

/** What users see of a stream is no value. */
const shownOf = (value: unknown): unknown =>
  value instanceof StreamValue ? new Map([['bytes of a stream', value.bytes]]) : value;

export const hexOf = (key: Key): string => toHex(encodeKey(key));

export const lineOf = (entry: {
  readonly key: Key;
  readonly value?: unknown;
  readonly versionstamp: string;
}): string => `${hexOf(entry.key)} ${entry.versionstamp} ${digestOf(entry.value)}`;

export async function stateOf(source: Database | Snapshot, reverse = false): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of source.list({ reverse })) lines.push(lineOf(entry));
  return reverse ? lines.reverse() : lines;
}

/** What a key's stream holds. */
export async function streamOf(source: Database | Snapshot, key: Key): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await source.getStream(key)) ?? []) chunks.push(chunk);
  return streamLine(hexOf(key), chunks);
}

/** @param key in hex. */
export function streamLine(key: string, chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return `${key} ${hash.digest('base64url')}`;
}

export async function streamsOf(source: Database | Snapshot): Promise<string[]> {
  const lines: string[] = [];
  for await (const { key, value } of source.list())
    if (value instanceof StreamValue) lines.push(await streamOf(source, key));
  return lines;
}

export async function othersOf(db: Database, requests: readonly RequestId[]): Promise<string> {
  const checkpoints = (await db.checkpoints()).map(({ name, version }) => [name, version]);
  const outcomes: unknown[] = [];
  for (const id of requests) outcomes.push(await db.outcome(id));
  return JSON.stringify([checkpoints, outcomes]);
}

export async function logOf(db: Database, version: number): Promise<string> {
  const lines: string[] = [];
  for await (const entry of db.log({ from: version, to: version }))
    lines.push(JSON.stringify({ ...entry, hash: toHex(entry.hash), parent: toHex(entry.parent) }));
  return lines.join();
}

/** What `version` changed, as it is told to whoever watches. */
export async function changesOf(db: Database, clock: IdleClock, version: number): Promise<string[]> {
  const lines: string[] = [];
  const stop = new AbortController();
  const done = new AbortController();
  // Time passes once all that is there was told.
  clock.sleep(1000, done.signal).then(
    () => stop.abort(),
    () => {},
  );
  try {
    for await (const change of db.watch({}, { from: version - 1, signal: stop.signal, pollMs: 5000 })) {
      if (change.version !== version) break;
      lines.push(`${lineOf(change)} ${digestOf(change.previous)}`);
    }
  } finally {
    done.abort();
  }
  return lines;
}

export async function truthOf(reference: Reference, clock: IdleClock): Promise<Truth> {
  const { image, key, requests } = reference;
  const store = new ImageStore(image);
  const options = { key, clock, readOnly: true } as const;
  const db = await openDatabase(store, options);
  const states = new Map<number, string[]>();
  const streams = new Map<number, string[]>();
  const others = new Map<number, string>();
  const log = new Map<number, string>();
  const changes = new Map<number, string[]>();
  const keys = new Map<string, Key>();
  const names = [...image.keys()].filter((name) => name.startsWith('log/')).sort();
  for (let version = 1; version <= db.version; version++) {
    const snapshot = await db.snapshot({ at: version });
    states.set(version, await stateOf(snapshot));
    streams.set(version, await streamsOf(snapshot));
    log.set(version, await logOf(db, version));
    if (version > 1) changes.set(version, await changesOf(db, clock, version));
    for await (const key of snapshot.keys()) keys.set(hexOf(key), key);
    // The database as it was when this was its newest version.
    const newer = names.slice(0, db.version - version).map((name) => [name, 'gone'] as const);
    const then = await openDatabase(new ImageStore(image, new Map(newer)), options);
    others.set(version, await othersOf(then, requests));
  }
  const lines = new Map(states.get(db.version)!.map((line) => [line.slice(0, line.indexOf(' ')), line]));
  return {
    reference,
    version: db.version,
    states,
    streams,
    lines,
    keys: [...keys.values()],
    others,
    log,
    changes,
  };
}
