/**
 * Streams: written part by part, replaced, deleted and read window by window while that happens.
 *
 * Invariant: a stream's bytes say whose they are and how long it is, and each KiB where it stands. So whatever is read
 * is the whole of one that somebody wrote, or it is found out.
 */
import { type Key, STREAM_PART_BYTES } from '@holdfast/core';
import type { Database } from '@holdfast/mvcc';
import type { Clock } from '@holdfast/object-store';
import type { Random } from '../world/random.js';
import type { Program, Result } from './program.js';

/** Keys that streams are replaced under. */
const STREAM_KEYS = 3;
const BLOCK_BYTES = 1024;
const HEAD_BYTES = 8;
/** Less than a value can be that is no stream. */
const VALUE_BYTES_MAX = 1_000_000;
const CHUNK_BYTES = 300_000;
const PAUSE_MS_MAX = 500;

/** A source that ends before its end: nothing is written. */
export class SourceFailed extends Error {
  override readonly name: string = 'SourceFailed';
}

/** What a stream holds, by its id alone: some have no bytes, few have two parts. */
export function streamBytes(id: number, length: number = lengthOf(id)): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += BLOCK_BYTES)
    bytes.fill((id * 31 + at / BLOCK_BYTES) & 0xff, at, at + BLOCK_BYTES);
  if (length === 0) return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id);
  view.setUint32(4, length);
  return bytes;
}

export function lengthOf(id: number): number {
  if (id % 20 === 0) return 0;
  if (id % 37 === 0) return STREAM_PART_BYTES + id;
  return HEAD_BYTES + (Math.imul(id, 7_919) & 0xffff) * (id % 3 === 0 ? 16 : 1);
}

/** Whose they are; of no bytes nobody can tell. @returns what is wrong with them, in words, if they are nobody's. */
export function idOf(bytes: Uint8Array): number | string {
  if (bytes.length < HEAD_BYTES) return `${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [id, length] = [view.getUint32(0), view.getUint32(4)];
  if (length !== bytes.length) return `${bytes.length} of the ${length} bytes of stream ${id}`;
  return Buffer.compare(bytes, streamBytes(id, length)) === 0 ? id : `not the bytes of stream ${id}`;
}

/** Under a key of its own, which nothing ever takes away. */
export function streamProgram(id: number): Program {
  const key: Key = ['mark', 'streams', id];
  const result: Result = { operations: [], wrote: true };
  return {
    id,
    role: 'streams',
    certain: [],
    async body() {
      throw new Error('A stream is a call of its own.');
    },
    own: {
      result,
      ask: (db, options, { pause }) => db.setStream(key, chunks(streamBytes(id), pause), options),
    },
  };
}

export interface StreamOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Writes a stream where others are, or bytes, or deletes some. */
export async function replaceStream(
  db: Database,
  id: number,
  { random, clock, signal }: StreamOptions,
): Promise<void> {
  const draw = random.fraction();
  const key: Key = ['stream', random.below(STREAM_KEYS)];
  const pause = (): Promise<void> => clock.sleep(random.between(0, PAUSE_MS_MAX), signal);
  if (draw < 0.7) await db.setStream(key, chunks(streamBytes(id), pause), { signal });
  else if (draw < 0.8)
    await db.set(key, streamBytes(id, Math.min(lengthOf(id), VALUE_BYTES_MAX)), { signal });
  else if (draw < 0.9) await db.delete(key, { signal });
  else await db.deleteRange({ prefix: ['stream'] }, { signal });
}

/** Gives up in the middle. */
export async function breakStream(
  db: Database,
  id: number,
  { random, signal }: StreamOptions,
): Promise<void> {
  const key: Key = ['stream', random.below(STREAM_KEYS)];
  await db.setStream(key, failing(streamBytes(id)), { signal });
}

/** What one of them holds; undefined: nothing. It may be replaced while it is read. */
export async function readStream(
  db: Database,
  { random, clock, signal }: StreamOptions,
): Promise<Uint8Array | undefined> {
  const key: Key = ['stream', random.below(STREAM_KEYS)];
  const slow = random.chance(0.3);
  return collect(await db.getStream(key, { signal }), async () => {
    if (slow) await clock.sleep(random.between(0, PAUSE_MS_MAX), signal);
  });
}

/** Every stream that there is, by the id that its key says, or none. */
export async function readAllStreams(
  db: Database,
): Promise<{ readonly key: Key; readonly bytes: Uint8Array }[]> {
  const found: { key: Key; bytes: Uint8Array }[] = [];
  for (const prefix of [['mark', 'streams'], ['stream']])
    for await (const key of db.keys({ prefix }))
      found.push({ key, bytes: (await collect(await db.getStream(key))) ?? new Uint8Array(0) });
  return found;
}

export async function collect(
  stream: ReadableStream<Uint8Array> | undefined,
  pause: () => Promise<void> = async () => {},
): Promise<Uint8Array | undefined> {
  if (!stream) return undefined;
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    // What it gives is the reader's own.
    parts.push(chunk);
    await pause();
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** One buffer, used again for every chunk: what was handed in is what is written. */
export async function* chunks(bytes: Uint8Array, pause?: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.length);
    await pause?.();
  }
}

async function* failing(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length / 2);
  throw new SourceFailed('The source ends here.');
}
