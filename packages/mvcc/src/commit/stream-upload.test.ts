/** How a stream is uploaded: how much at once, how much at most, and who is told when it ends. */
import { decodeStream, STREAM_PART_BYTES } from '@holdfast/core';
import { MemoryStore, type ObjectStore } from '@holdfast/object-store';
import { beforeEach, expect, test } from 'vitest';
import { Chunks } from '../context/byte-source.js';
import { openParts } from '../open.js';
import { uploadStream } from './stream-upload.js';

const key = Uint8Array.of(1, 2, 3);
const part = new Uint8Array(STREAM_PART_BYTES);
const chunks = (source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Chunks =>
  new Chunks('setStream', source);

let memory: MemoryStore;
/** Parts that are on their way, and those that got there. */
let underWay: (() => void)[];
let most: number;
let slow: ObjectStore;

beforeEach(async () => {
  memory = new MemoryStore();
  underWay = [];
  most = 0;
  slow = {
    capabilities: memory.capabilities,
    get: (name, options) => memory.get(name, options),
    delete: (names, options) => memory.delete(names, options),
    list: (prefix, options) => memory.list(prefix, options),
    put: async (name, bytes, options) => {
      if (name.startsWith('seg/')) {
        await new Promise<void>((resolve) => {
          underWay.push(resolve);
          most = Math.max(most, underWay.length);
        });
      }
      return memory.put(name, bytes, options);
    },
  };
});

const contextOf = async (store: ObjectStore) =>
  (await openParts(store, { key: 'plaintext', probe: 'skip' })).context;

test('the source waits for the store: two parts are sent at once, and one fills', async () => {
  const context = await contextOf(slow);
  let given = 0;
  const source = function* (): Generator<Uint8Array> {
    for (; given < 6; given++) yield part;
  };
  const uploading = uploadStream(context, key, chunks(source()), { baseVersion: 1 });
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  for (let sent = 0; sent < 6; sent++) {
    while (underWay.length < Math.min(2, 6 - sent)) await pause();
    await pause();
    expect(given).toBeLessThanOrEqual(sent + 3);
    underWay.shift()!();
  }
  const { descriptor, segments } = await uploading;
  expect(most).toBe(2);
  expect(
    segments.every(({ entries, firstKey }) => entries === 1 && Buffer.compare(firstKey, key) === 0),
  ).toBe(true);
  const { length, parts } = decodeStream(descriptor, 'it');
  expect(length).toBe(6 * part.length);
  expect(parts).toEqual(segments.map(({ id }) => id));
});

test('more than a stream can have is LIMIT_EXCEEDED at the first byte too many', async () => {
  const context = await contextOf(memory);
  let given = 0;
  const source = function* (): Generator<Uint8Array> {
    for (;;) {
      given++;
      yield part;
    }
  };
  const bytesMax = 2 * part.length;
  await expect(
    uploadStream(context, key, chunks(source()), { baseVersion: 1, bytesMax }),
  ).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  expect(given).toBe(3);
  const most = await uploadStream(context, key, chunks([part, part]), { baseVersion: 1, bytesMax });
  expect(most.segments.length).toBe(2);
});

test('an upload that is aborted cuts off what is on its way', async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const hanging: ObjectStore = {
    ...slow,
    put: (name, bytes, options) => {
      if (!name.startsWith('seg/')) return memory.put(name, bytes, options);
      signals.push(options?.signal);
      return new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal!.reason));
      });
    },
  };
  const context = await contextOf(hanging);
  const stop = new AbortController();
  const uploading = uploadStream(context, key, chunks([part, part, part, part]), {
    baseVersion: 1,
    signal: stop.signal,
  });
  const reason = new Error('enough');
  setTimeout(() => stop.abort(reason), 100);
  await expect(uploading).rejects.toBe(reason);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
});

test('a source that never waits can be aborted by a timer, and holds up nobody', async () => {
  const context = await contextOf(memory);
  let given = 0;
  const source = function* (): Generator<Uint8Array> {
    // Without an end of its own the test would never tell of a failure.
    for (; given < 5_000_000; given++) yield new Uint8Array(0);
  };
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 1);
  const signal = AbortSignal.timeout(200);
  await expect(
    uploadStream(context, key, chunks(source()), { baseVersion: 1, signal }),
  ).rejects.toMatchObject({ name: 'TimeoutError' });
  clearInterval(ticking);
  expect(given).toBeGreaterThan(0);
  expect(ticks).toBeGreaterThan(2);
});

test('a chunk that is taken away while a part of it waits for the store fails the upload, and shortens nothing', async () => {
  const context = await contextOf(slow);
  const chunk = new Uint8Array(4 * STREAM_PART_BYTES);
  const uploading = uploadStream(context, key, chunks([chunk]), { baseVersion: 1 });
  const failing = expect(uploading).rejects.toThrow(TypeError);
  while (underWay.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
  for (const send of underWay) send();
  await failing;
});
