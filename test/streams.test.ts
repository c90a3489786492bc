/**
 * Values that are written and read chunk by chunk. A key shows all of a stream or nothing of it, whoever fails and
 * whenever; a reader keeps the version that it began with; what is damaged is told, and never given out.
 */
import { Readable } from 'node:stream';
import { HoldfastError, STREAM_PART_BYTES } from '@holdfast/core';
import { type Database, type OpenOptions, StreamValue } from '@holdfast/mvcc';
import { MemoryStore, Traffic } from '@holdfast/object-store';
import { FaultyStore, ManualClock, RecordingStore } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase } from './support/database.js';

const PART = STREAM_PART_BYTES;
const START_MS = Date.UTC(2026, 0, 1);

let memory: MemoryStore;
let store: FaultyStore;
let db: Database;
const openAgain = (options: Partial<OpenOptions> = {}): Promise<Database> =>
  openTestDatabase(store, { maintenance: 'manual', ...options });

beforeEach(async () => {
  memory = new MemoryStore();
  store = new FaultyStore(memory);
  db = await openAgain();
});

/** `length` bytes that differ from place to place, and from those of another seed. */
function bytesOf(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + seed * 7919, 2654435761);
  return new Uint8Array(words.buffer, 0, length);
}

/** The bytes in chunks of these lengths, again and again. */
function* cut(bytes: Uint8Array, ...lengths: number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

async function read(stream: Promise<ReadableStream<Uint8Array> | undefined>): Promise<Buffer | undefined> {
  const found = await stream;
  return found && Buffer.concat(await collect(found));
}

/** Compares large values without a report of each byte. */
async function expectBytes(
  stream: Promise<ReadableStream<Uint8Array> | undefined>,
  expected: Uint8Array,
): Promise<void> {
  const found = await read(stream);
  expect(found?.length).toBe(expected.length);
  expect(Buffer.compare(found!, expected)).toBe(0);
}

const segmentNames = (): string[] => [...memory.objects().keys()].filter((name) => name.startsWith('seg/'));

describe('what was written comes back', () => {
  test.each([0, 1, 65_536, 65_537, PART - 1, PART, PART + 1, 3 * PART + 5])('%i bytes', async (length) => {
    const bytes = bytesOf(length);
    const { version, versionstamp } = await db.setStream('film', cut(bytes, 300_007, 1, 0, 70_000));
    expect(await db.getEntry('film')).toMatchObject({ version, versionstamp });
    expect(segmentNames().length).toBe(Math.ceil(length / PART));
    await expectBytes(db.getStream('film'), bytes);
    await db.flush();
    await expectBytes(db.getStream('film'), bytes);
    const again = await openAgain();
    await expectBytes(again.getStream('film'), bytes);
    expect(await again.get('film')).toEqual(new StreamValue(length));
    expect(await again.verify({ deep: true })).toMatchObject({ ok: true, problems: [], unreferenced: 0 });
  });

  test.each([
    ['a web stream', (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()],
    ['a Node stream', (bytes: Uint8Array) => Readable.from(cut(bytes, 100_000))],
    ['an array of chunks', (bytes: Uint8Array) => [...cut(bytes, 4_000_000, 5_000_001)]],
    [
      'an async generator that uses one buffer again and again',
      async function* (bytes: Uint8Array) {
        const buffer = new Uint8Array(99_991);
        for (const chunk of cut(bytes, buffer.length)) {
          buffer.set(chunk);
          yield buffer.subarray(0, chunk.length);
        }
      },
    ],
    ['the stream of another key', (bytes: Uint8Array) => bytes],
  ])('%s', async (name, make) => {
    const bytes = bytesOf(PART + 77_777);
    if (name === 'the stream of another key') await db.setStream('first', [bytes]);
    const source = name === 'the stream of another key' ? await db.getStream('first') : make(bytes);
    await db.setStream('film', source as Iterable<Uint8Array>);
    await expectBytes(db.getStream('film'), bytes);
  });

  test("in chunks of up to 64 KiB that are the reader's own", async () => {
    await db.setStream('film', [bytesOf(2 * PART)]);
    for await (const chunk of (await db.getStream('film'))!) {
      expect(chunk.length).toBeLessThanOrEqual(64 * 1024);
      chunk.fill(0);
    }
    await expectBytes(db.getStream('film'), bytesOf(2 * PART));
  });

  test('bytes that set() wrote, as one chunk; what is no bytes is refused; what is not there is undefined', async () => {
    await db.set('bytes', bytesOf(100));
    await db.set('none', new Uint8Array(0));
    await db.set('number', 3);
    await expectBytes(db.getStream('bytes'), bytesOf(100));
    await expectBytes(db.getStream('none'), new Uint8Array(0));
    await expect(db.getStream('number')).rejects.toThrow(
      'expected a stream or bytes there, found number. Use get()',
    );
    expect(await db.getStream('nowhere')).toBeUndefined();
    await db.setStream('gone', [bytesOf(10)]);
    await db.delete('gone');
    expect(await db.getStream('gone')).toBeUndefined();
    expect((await db.verify({ deep: true })).problems).toEqual([]);
  });
});

describe('a source that fails', () => {
  const old = bytesOf(1000, 5);
  beforeEach(() => db.setStream('film', [old]));

  /** The key is as it was, and nothing but garbage is left. */
  async function expectUnchanged(version: number): Promise<void> {
    expect(db.version).toBe(version);
    const again = await openAgain();
    expect(again.version).toBe(version);
    await expectBytes(again.getStream('film'), old);
    expect(await again.verify({ deep: true })).toMatchObject({ ok: true, problems: [] });
  }

  test('halfway: its own error comes out, it is told, and nothing is to be seen', async () => {
    const { version } = db;
    const torn = new Error('the line is dead');
    let returned = false;
    const source = (async function* () {
      try {
        yield bytesOf(PART + 10);
        throw torn;
      } finally {
        returned = true;
      }
    })();
    await expect(db.setStream('film', source)).rejects.toBe(torn);
    expect(returned).toBe(true);
    expect(segmentNames().length).toBe(2);
    await expectUnchanged(version);
  });

  test.each([
    ['text', 'text'],
    ['a number', 7],
    ['another view', new Uint16Array(4)],
    ['nothing', undefined],
  ])('by giving %s for a chunk: TypeError', async (_, chunk) => {
    const { version } = db;
    await expect(db.setStream('film', [bytesOf(10), chunk as Uint8Array])).rejects.toThrow(TypeError);
    await expectUnchanged(version);
  });

  test('by giving something for a chunk: a web stream is cancelled', async () => {
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue('text' as unknown as Uint8Array),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    await expect(db.setStream('film', source)).rejects.toThrow(TypeError);
    expect(cancelled).toBeInstanceOf(TypeError);
  });

  test.each([
    ['text', 'text'],
    ['bytes', new Uint8Array(4)],
    ['an object', {}],
    ['nothing', undefined],
    ['a promise', Promise.resolve()],
  ])('by being %s: TypeError, before anything is sent', async (_, source) => {
    const { version } = db;
    await expect(db.setStream('film', source as never)).rejects.toThrow(
      /setStream: expected a ReadableStream/,
    );
    await expectUnchanged(version);
    expect(segmentNames().length).toBe(1);
  });

  test('a web stream that is given with a key that is none, or to a read-only database, is not read', async () => {
    const pulled: string[] = [];
    const source = (name: string): ReadableStream<Uint8Array> =>
      new ReadableStream({ pull: () => void pulled.push(name) }, { highWaterMark: 0 });
    await expect(db.setStream({} as never, source('key'))).rejects.toThrow(TypeError);
    const reader = await openAgain({ readOnly: true });
    await expectCode(reader.setStream('film', source('reader')), 'READ_ONLY');
    await expect(db.setStream('film', source('options'), { expires: 1 } as never)).rejects.toThrow('expires');
    expect(pulled).toEqual([]);
  });

  test('the store fails halfway: its source is told, and the key is unchanged', async () => {
    const { version } = db;
    let sent = 0;
    store.failBefore('put', {
      times: Number.POSITIVE_INFINITY,
      when: (key) => key.startsWith('seg/') && ++sent > 1,
      error: Object.assign(new Error('no'), {}),
    });
    let returned = false;
    const source = (function* () {
      try {
        for (;;) yield bytesOf(PART);
      } finally {
        returned = true;
      }
    })();
    await expect(db.setStream('film', source)).rejects.toThrow('no');
    expect(returned).toBe(true);
    store.clear();
    await expectUnchanged(version);
  });

  test('the store fails while the source hangs: nobody waits for it', async () => {
    const { version } = db;
    store.failBefore('put', { when: (key) => key.startsWith('seg/'), error: new Error('no') });
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytesOf(PART)),
      pull: () => new Promise(() => {}),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    await expect(db.setStream('film', source)).rejects.toThrow('no');
    expect(cancelled).toBeInstanceOf(Error);
    await expectUnchanged(version);
  });

  test('is told once that it is given up, and not where it has ended by itself', async () => {
    let told = 0;
    const sourceOf = (next: () => IteratorResult<Uint8Array>): Iterable<Uint8Array> => ({
      [Symbol.iterator]: () => ({
        next,
        return: () => {
          told++;
          return { done: true, value: undefined };
        },
      }),
    });
    const text = sourceOf(() => ({ done: false, value: 'text' as unknown as Uint8Array }));
    await expect(db.setStream('film', text)).rejects.toThrow(TypeError);
    expect(told).toBe(1);
    const torn = sourceOf(() => {
      throw new Error('the line is dead');
    });
    await expect(db.setStream('film', torn)).rejects.toThrow('the line is dead');
    store.failBefore('put', { when: (key) => key.startsWith('log/'), error: new Error('no') });
    const ended = sourceOf(() => ({ done: true, value: undefined }));
    await expect(db.setStream('film', ended)).rejects.toThrow('no');
    expect(told).toBe(1);
  });

  test('the commit fails: the key is unchanged', async () => {
    const { version } = db;
    store.failBefore('put', { when: (key) => key.startsWith('log/'), error: new Error('no') });
    await expect(db.setStream('film', [bytesOf(PART)])).rejects.toThrow('no');
    await expectUnchanged(version);
  });

  test('an abort ends it while the source hangs, with its own reason', async () => {
    const { version } = db;
    const stop = new AbortController();
    const source = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const writing = db.setStream('film', source, { signal: stop.signal });
    const reason = new Error('enough');
    setTimeout(() => stop.abort(reason), 10);
    await expect(writing).rejects.toBe(reason);
    await expect(db.setStream('film', [bytesOf(1)], { signal: stop.signal })).rejects.toBe(reason);
    await expectUnchanged(version);
  });

  test('a database that is closed ends it while the source hangs, and nothing is changed', async () => {
    const closing = await openAgain({ commitTimeoutMs: 50 });
    const { version } = closing;
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: () => new Promise(() => {}),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const writing = expectCode(closing.setStream('film', source), 'CLOSED');
    await closing.close();
    await writing;
    expect(cancelled).toMatchObject({ code: 'CLOSED' });
    await expectUnchanged(version);
  });
});

describe('a reader', () => {
  const first = bytesOf(2 * PART, 1);
  const second = bytesOf(PART + 3, 2);

  test('keeps the version that it began with, whatever is written meanwhile', async () => {
    await db.setStream('film', [first]);
    const before = (await db.getStream('film'))!;
    const reader = before.getReader();
    const chunks = [(await reader.read()).value!];
    await db.setStream('film', [second]);
    await db.flush();
    await db.delete('film');
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    expect(Buffer.compare(Buffer.concat(chunks), first)).toBe(0);
  });

  test('of a snapshot sees its version, and a snapshot of an old version too', async () => {
    const { version } = await db.setStream('film', [first]);
    const snapshot = await db.snapshot();
    await db.setStream('film', [second]);
    await expectBytes(snapshot.getStream('film'), first);
    await expectBytes(db.getStream('film'), second);
    await db.flush();
    const again = await openAgain();
    await expectBytes((await again.snapshot({ at: version })).getStream('film'), first);
    expect(await (await again.snapshot({ at: version - 1 })).getStream('film')).toBeUndefined();
    await expectBytes((await openAgain({ at: version, readOnly: true })).getStream('film'), first);
  });

  test('that was cancelled asks for nothing more', async () => {
    await db.setStream('film', [first]);
    const recorded = new RecordingStore(store);
    const again = await openTestDatabase(recorded, { readOnly: true });
    const stream = (await again.getStream('film'))!;
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel('seen enough');
    recorded.reset();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(recorded.calls.length).toBe(0);
  });

  test('whose signal is aborted hears its reason, also while it waits for the store', async () => {
    await db.setStream('film', [first]);
    const stop = new AbortController();
    const stream = (await db.getStream('film', { signal: stop.signal }))!;
    const reader = stream.getReader();
    await reader.read();
    store.hang('get', { times: Number.POSITIVE_INFINITY });
    const reason = new Error('enough');
    const waiting = (async () => {
      for (;;) await reader.read();
    })();
    setTimeout(() => stop.abort(reason), 10);
    await expect(waiting).rejects.toBe(reason);
    await expect(db.getStream('film', { signal: stop.signal })).rejects.toBe(reason);
  });

  test('of a database that was closed is told so', async () => {
    await db.setStream('film', [first]);
    const reader = (await db.getStream('film'))!.getReader();
    await reader.read();
    await db.close();
    const rest = (async () => {
      for (;;) if ((await reader.read()).done) return;
    })();
    await expectCode(rest, 'CLOSED');
    await expectCode(db.getStream('film'), 'CLOSED');
  });

  test('pays on its own account', async () => {
    await db.setStream('film', [first]);
    const meter = new Traffic();
    await expectBytes(db.getStream('film', { meter }), first);
    expect(meter.bytesIn).toBeGreaterThan(first.length);
    const written = new Traffic();
    await db.setStream('film', [second], { meter: written });
    expect(written.bytesOut).toBeGreaterThan(second.length);
  });
});

describe('damage', () => {
  const bytes = bytesOf(PART + 100_000);
  beforeEach(() => db.setStream('film', [bytes]));

  test('a part that is missing is CORRUPT, and names the object', async () => {
    const [gone] = segmentNames();
    await memory.delete([gone!]);
    const again = await openAgain();
    const error = await expectCode(read(again.getStream('film')), 'CORRUPT');
    expect(error.message).toContain(gone);
    const report = await again.verify();
    expect(report.ok).toBe(false);
    expect(report.problems).toHaveLength(1);
  });

  test('a byte of a part that is bent is CORRUPT, and no byte from there on is given out', async () => {
    store.corruptByte(segmentNames()[0]!, 70_000);
    store.corruptByte(segmentNames()[1]!, 70_000);
    const chunks: Uint8Array[] = [];
    const error = await expectCode(async () => {
      for await (const chunk of (await db.getStream('film'))!) chunks.push(chunk);
    }, 'CORRUPT');
    expect(error.message).toContain('seg/');
    const got = Buffer.concat(chunks);
    expect(Buffer.compare(got, bytes.subarray(0, got.length))).toBe(0);
    expect((await db.verify()).ok).toBe(false);
  });

  test("a part that was swapped for another stream's is CORRUPT", async () => {
    const mine = segmentNames();
    await db.setStream('other', [bytes]);
    const theirs = segmentNames().filter((name) => !mine.includes(name));
    await memory.put(mine[0]!, memory.objects().get(theirs[0]!)!);
    await expectCode(read((await openAgain()).getStream('film')), 'CORRUPT');
  });
});

describe('a request', () => {
  test('that is sent again gets the first result, and its source is not read', async () => {
    const requestId = 'upload 1';
    const sent = await db.setStream('film', [bytesOf(10)], { requestId });
    let pulled = 0;
    let cancelled = false;
    const source = new ReadableStream<Uint8Array>(
      {
        pull: () => void pulled++,
        cancel: () => {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const again = await openAgain();
    expect(await again.setStream('film', source, { requestId })).toEqual(sent);
    expect([pulled, cancelled]).toEqual([0, true]);
    expect(await db.outcome(requestId)).toMatchObject({ status: 'committed', version: sent.version });
    await expectBytes(db.getStream('film'), bytesOf(10));
  });

  test('under the same id for another key, another expiry or another call is refused before its source is read', async () => {
    const requestId = 'upload 1';
    await db.setStream('film', [bytesOf(10)], { requestId });
    const unread = (): Iterable<Uint8Array> => ({
      [Symbol.iterator]: () => {
        throw new Error('it was read');
      },
    });
    await expectCode(db.setStream('song', unread(), { requestId }), 'REQUEST_MISMATCH');
    await expectCode(db.setStream('film', unread(), { requestId, expireInMs: 5 }), 'REQUEST_MISMATCH');
    await expectCode(db.set('film', 1, { requestId }), 'REQUEST_MISMATCH');
    await db.outcome('upload 2', { close: true });
    await expectCode(db.setStream('film', unread(), { requestId: 'upload 2' }), 'REQUEST_CLOSED');
  });

  test('that was committed elsewhere while its source was read acts once', async () => {
    const requestId = 'upload 1';
    const other = await openAgain();
    const source = (async function* () {
      yield bytesOf(PART);
      await other.setStream('film', [bytesOf(7, 3)], { requestId });
      yield bytesOf(10);
    })();
    const { version } = await db.setStream('film', source, { requestId });
    expect(version).toBe(other.version);
    expect(db.version).toBe(other.version);
    await expectBytes(db.getStream('film'), bytesOf(7, 3));
  });

  test('of a session goes on where another request of the session was faster', async () => {
    const other = await openAgain();
    const bytes = bytesOf(PART + 10);
    const source = (async function* () {
      yield bytes.subarray(0, PART);
      for (let number = 2; number < 5; number++)
        await other.set('n', number, { requestId: { session: 's', number, settled: 0 } });
      yield bytes.subarray(PART);
    })();
    await db.setStream('film', source, { requestId: { session: 's', number: 1 } });
    await expectBytes(db.getStream('film'), bytes);
    expect(await db.outcome({ session: 's', number: 1 })).toMatchObject({ status: 'committed' });
    // The parts were uploaded once.
    expect(segmentNames().length).toBe(2);
  });
});

describe('reads by key tell of a stream that it is there, and how long it is', () => {
  const three = new StreamValue(3);

  test.each(['in the tail', 'flushed', 'jumped to'])('%s', async (where) => {
    await db.set(['x', 'a'], 1);
    const before = await db.snapshot();
    await db.setStream(['x', 'b'], [bytesOf(3)]);
    if (where === 'flushed') await db.flush();
    if (where === 'jumped to') for (let i = 0; i < 30; i++) await db.set('more', i);
    const of = where === 'in the tail' ? db : await openAgain();
    const range = { prefix: 'x' };
    const found = async (reads: Pick<Database, 'get' | 'getMany' | 'first' | 'list'>) => [
      await reads.get(['x', 'b']),
      ...(await reads.getMany([['x', 'b']])),
      (await reads.first(range, { reverse: true }))?.value,
      ...(await collect(reads.list(range))).map(({ value }) => value),
    ];
    const expected = [three, three, three, 1, three];
    expect(await found(of)).toEqual(expected);
    expect(await found(await of.snapshot())).toEqual(expected);
    expect(await of.transact((tx) => found(tx))).toEqual(expected);
    expect(await found(of.namespace([]) as never)).toEqual(expected);
    expect((await of.snapshot()).peek(['x', 'b'])).toEqual(three);
    expect(await of.has(['x', 'b'])).toBe(true);
    expect(await of.count(range)).toBe(2);
    const after = await db.snapshot();
    expect(
      (await collect(before.diff(after, range))).map(({ value, previous }) => [value, previous]),
    ).toEqual([[three, undefined]]);
    expect(
      (await collect(after.diff(before, range))).map(({ value, previous }) => [value, previous]),
    ).toEqual([[undefined, three]]);
  });

  test('a watch tells of it once, with what was there before, and not of its parts', async () => {
    const stop = new AbortController();
    await db.setStream('film', [bytesOf(3)]);
    const from = db.version;
    await db.setStream('film', [bytesOf(PART + 1)]);
    await db.set('film', 'text');
    await db.set('end', 1);
    const told: unknown[] = [];
    for await (const { key, value, previous } of (await openAgain()).watch(
      {},
      { from, signal: stop.signal },
    )) {
      told.push([key, value, previous]);
      if (key[0] === 'end') stop.abort();
    }
    expect(told).toEqual([
      [['film'], new StreamValue(PART + 1), three],
      [['film'], 'text', new StreamValue(PART + 1)],
      [['end'], 1, undefined],
    ]);
  });

  test('the log tells of a write, not of a large transaction', async () => {
    await db.setStream('film', [bytesOf(PART + 1)]);
    const [newest] = await collect(db.log());
    expect(newest).toMatchObject({ transactions: 1, writes: 1, bulkTransactions: 0 });
  });

  test('add, max and min refuse it, set refuses to store what was read, and other writes replace it', async () => {
    await db.setStream('film', [bytesOf(3)]);
    await expect(db.add('film', 1)).rejects.toThrow(/expected a number there, found a stream/);
    await expect(db.transact((tx) => tx.max('film', 1))).rejects.toThrow(TypeError);
    const value = await db.get('film');
    await expect(db.set('copy', value)).rejects.toThrow(TypeError);
    await db.set('film', 4);
    expect(await db.get('film')).toBe(4);
    await db.add('film', 1);
    await db.setStream('film', [bytesOf(3)]);
    expect(await db.get('film')).toEqual(three);
    await db.deleteRange({ gte: 'film' });
    expect(await db.get('film')).toBeUndefined();
    expect((await db.verify({ deep: true })).problems).toEqual([]);
  });
});

test('a transaction that has read the key conflicts with a stream that replaces it', async () => {
  await db.setStream('film', [bytesOf(3)]);
  const other = await openAgain();
  let runs = 0;
  await db.transact(async (tx) => {
    const { bytes } = (await tx.get<StreamValue>('film'))!;
    if (++runs === 1) await other.setStream('film', [bytesOf(9)]);
    tx.set('length', bytes);
  });
  expect([runs, await db.get('length')]).toEqual([2, 9]);
});

test('a stream expires as a value does, and its expiry is told', async () => {
  const clock = new ManualClock(START_MS);
  const timed = await openAgain({ clock });
  await timed.setStream('film', [bytesOf(10)], { expireInMs: 1000 });
  await timed.setStream('song', [bytesOf(10)], { expireAt: new Date(START_MS + 5000) });
  expect((await timed.getEntry('film'))?.expiresAt).toEqual(new Date(START_MS + 1000));
  await timed.flush();
  const stream = await timed.getStream('film');
  clock.setWall(START_MS + 1000);
  expect(await timed.getStream('film')).toBeUndefined();
  await expectBytes(timed.getStream('song'), bytesOf(10));
  // It was there when it was opened.
  expect(Buffer.concat(await collect(stream!)).length).toBe(10);
  expect((await timed.verify({ deep: true })).problems).toEqual([]);
});

test('a namespace writes and reads streams under its prefix, without its codec', async () => {
  const codec = { encode: (n: number) => `${n}`, decode: (text: unknown) => Number(text) };
  const namespace = db.namespace('media', { value: codec });
  await namespace.setStream('film', [bytesOf(10)]);
  await expectBytes(namespace.getStream('film'), bytesOf(10));
  await expectBytes(db.getStream(['media', 'film']), bytesOf(10));
  await expectBytes((await namespace.snapshot()).getStream('film'), bytesOf(10));
  expect(await namespace.get('film')).toEqual(new StreamValue(10));
  expect((await collect(namespace.list())).map(({ value }) => value)).toEqual([new StreamValue(10)]);
});

test('two streams and other writes that are committed at once share a record, and each key has its own', async () => {
  const slow = new Promise((resolve) => setTimeout(resolve, 0));
  store.delay('put', 300, { when: (key) => key.startsWith('log/') });
  const before = db.set('before', 1);
  await slow;
  const [a, b, c] = await Promise.all([
    db.setStream('a', [bytesOf(PART + 1, 1)]),
    db.setStream('b', [bytesOf(PART + 2, 2)]),
    db.set('c', 3),
    db.transact((tx) => tx.set('d', 'x'.repeat(1024 * 1024))),
    before,
  ]);
  expect([a.version, b.version]).toEqual([c.version, c.version]);
  expect(a.versionstamp).not.toBe(b.versionstamp);
  const again = await openAgain();
  await expectBytes(again.getStream('a'), bytesOf(PART + 1, 1));
  await expectBytes(again.getStream('b'), bytesOf(PART + 2, 2));
  expect(await again.get('c')).toBe(3);
  expect(await again.get('d')).toHaveLength(1024 * 1024);
  expect((await again.verify({ deep: true })).problems).toEqual([]);
});

test('reads of other keys ask nothing of the parts of streams', async () => {
  await db.setStream(['m'], [bytesOf(3 * PART)]);
  await db.set(['z'], 1);
  await db.flush();
  const recorded = new RecordingStore(store);
  const again = await openTestDatabase(recorded, { readOnly: true });
  recorded.reset();
  await collect(again.list());
  await again.get(['m']);
  const parts = again.stats().segments;
  expect(parts).toBe(4);
  expect(recorded.calls.filter(({ key }) => key.startsWith('seg/')).length).toBeLessThanOrEqual(2);
});

test('an error of a source that is a HoldfastError of another database is passed on as it is', async () => {
  const foreign = new HoldfastError('CONFLICT', 'elsewhere');
  let begun = 0;
  const source = {
    async *[Symbol.asyncIterator]() {
      begun++;
      yield bytesOf(1);
      throw foreign;
    },
  };
  await expect(db.setStream('film', source)).rejects.toBe(foreign);
  expect(begun).toBe(1);
});
