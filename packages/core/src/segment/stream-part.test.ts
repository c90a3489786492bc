import { expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../object/bytes.js';
import { type Entry, VALUE_PIECE_BYTES } from './entry.js';
import { key, seededRandom, storeSegment } from './segment-fixture.js';
import { encodeStream, STREAM_PART_BYTES } from './stream.js';

const MIB = 1024 * 1024;
const part = (value: Uint8Array): Entry => ({ key: key('film'), version: 0, order: 0, value });
const store = (entries: Iterable<Entry>) => storeSegment(entries, { stampVersion: 9 });

test.each([1, VALUE_PIECE_BYTES, VALUE_PIECE_BYTES + 1, MIB, MIB + 1, STREAM_PART_BYTES])(
  'a part of %i bytes comes in pieces of up to 64 KiB, fetched 1 MiB at a time, past the cache',
  async (length) => {
    const value = seededRandom(length)(length);
    const { reader, cache, store: counted } = await store([part(value)]);
    const pieces: Uint8Array[] = [];
    for await (const piece of (await reader.streamPart(key('film'), length)).pieces()) pieces.push(piece);
    expect(pieces.every((piece) => piece.length > 0 && piece.length <= VALUE_PIECE_BYTES)).toBe(true);
    // No view of anything larger: whoever takes it may keep it, or give it away.
    expect(pieces.every((piece) => piece.byteLength === piece.buffer.byteLength)).toBe(true);
    expect(equalBytes(concatBytes(...pieces), value)).toBe(true);
    expect(cache.bytes).toBe(0);
    expect(counted.gets).toBeLessThanOrEqual(2 + Math.ceil(length / MIB));
  },
);

test('a part of another key, another length or another kind is CORRUPT, and so is one beside others', async () => {
  const bytes = new Uint8Array(100_000).fill(3);
  const one = await store([part(bytes)]);
  const read = (of: typeof one, name = 'film', length = bytes.length) =>
    of.reader.streamPart(key(name), length);
  await expect(read(one, 'song')).rejects.toThrow(/part of the stream with key 736f6e67/);
  await expect(read(one, 'film', bytes.length + 1)).rejects.toMatchObject({ code: 'CORRUPT' });
  await expect(read(one, 'film', 10)).rejects.toMatchObject({ code: 'CORRUPT' });
  const more = await store([part(bytes), { ...part(bytes), key: key('song') }]);
  await expect(read(more)).rejects.toMatchObject({ code: 'CORRUPT' });
  const descriptor = encodeStream({ length: 0, parts: [] });
  const stream = await store([{ ...part(descriptor), stream: true }]);
  await expect(read(stream, 'film', 2)).rejects.toThrow('kind 3');
  const expiring = await store([{ ...part(bytes), expiresMs: 5 }]);
  await expect(read(expiring)).rejects.toThrow('one that expires');
  const deleted = await store([{ ...part(bytes), value: undefined }]);
  await expect(read(deleted, 'film', 0)).rejects.toThrow('kind 0');
});

test('a bent byte of a part is CORRUPT, and nothing from it on is given out', async () => {
  const segment = await store([part(seededRandom(1)(3 * MIB))]);
  segment.bytes[MIB + 5 * VALUE_PIECE_BYTES]! ^= 1;
  await segment.store.put(segment.name, segment.bytes);
  const pieces: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    const opened = await segment.reader.streamPart(key('film'), 3 * MIB);
    for await (const piece of opened.pieces()) pieces.push(piece);
  };
  await expect(read()).rejects.toThrow(/seg\/.*chunk 20 fails authentication/);
  expect(pieces.length).toBe(20);
});

test('the full check counts the descriptors of streams, and reads them', async () => {
  const descriptor = encodeStream({ length: 3, parts: [new Uint8Array(24).fill(5)] });
  const good = await store([{ ...part(descriptor), stream: true }]);
  expect(await good.reader.verify()).toMatchObject({ entries: 1, streams: 1 });
  const bad = await store([{ ...part(descriptor.subarray(1)), stream: true }]);
  await expect(bad.reader.verify()).rejects.toMatchObject({ code: 'CORRUPT' });
});
