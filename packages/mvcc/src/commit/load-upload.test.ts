/** How rows of a load come to be one sorted run: whatever their order, in bounded pieces, whoever fails. */
import { BlockCache, placeSegment } from '@holdfast/core';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Context } from '../context/context.js';
import { Rows } from '../context/row-source.js';
import { openParts } from '../open.js';
import type { LoadChunk } from './load-chunk.js';
import type { LoadedRun } from './load-run.js';
import { type LoadProgress, type LoadSizes, uploadLoad } from './load-upload.js';

type Row = readonly [key: string, value: string];

/** Some dozen rows fill a chunk, and a few runs are many. */
const SMALL: LoadSizes = { ascendingBytes: 200, chunkBytes: 600, segmentBytes: 700, runsMax: 3 };

async function contextOf(store: ObjectStore): Promise<Context> {
  return (await openParts(store, { key: 'plaintext', probe: 'skip' })).context;
}

function upload(
  context: Context,
  rows: Iterable<Row>,
  o: { sizes?: LoadSizes; signal?: AbortSignal; onProgress?: (progress: LoadProgress) => void } = {},
): Promise<{ segments: LoadedRun; rows: number }> {
  const { sizes = SMALL, signal, onProgress = () => {} } = o;
  const add = (row: unknown, chunk: LoadChunk): void => {
    const [key, value] = row as Row;
    chunk.addKey(key);
    chunk.addValue(Buffer.from(value));
  };
  return uploadLoad(context, new Rows('load', rows, 'rows'), {
    add,
    onProgress,
    base: () => 1,
    sizes,
    signal,
  });
}

/** All that a run holds, in its order. */
async function contentsOf(context: Context, run: LoadedRun): Promise<Row[]> {
  const rows: Row[] = [];
  const readers = context.segments.apart(new BlockCache(0));
  for (const segment of run) {
    const entry = placeSegment(segment, { level: 0, run: 1, stampVersion: 1, stampOrder: 0 });
    const cursor = readers.of(entry).cursor({ begin: new Uint8Array(0), end: undefined });
    for (await cursor.start(); !cursor.done; await cursor.next()) {
      // A stored key: its space, the code of a string, the text, and its end.
      const key = Buffer.from(cursor.key.subarray(2, -1)).toString();
      rows.push([key, Buffer.from((await cursor.value()).subarray(1)).toString()]);
    }
  }
  return rows;
}

function expected(rows: readonly Row[]): Row[] {
  return [...new Map(rows)].sort(([a], [b]) => (a < b ? -1 : 1));
}

const segmentNames = (memory: MemoryStore): string[] =>
  [...memory.objects().keys()].filter((name) => name.startsWith('seg/'));

describe('rows in any order come out as a sorted run, each key once, as it was given last', () => {
  const key = fc.oneof(
    fc.nat(400).map((n) => `k${String(n).padStart(3, '0')}`),
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 9 }),
  );
  const row: fc.Arbitrary<Row> = fc.tuple(key, fc.string({ unit: 'grapheme-ascii', maxLength: 40 }));
  const rows = fc.oneof(
    fc.array(row, { maxLength: 300, size: 'max' }),
    // In order, but for a few.
    fc
      .tuple(fc.array(row, { maxLength: 300, size: 'max' }), fc.array(row, { maxLength: 3 }))
      .map(([many, few]) => [...expected(many), ...few, ...expected(many).slice(0, 5)]),
  );
  test('as a Map would have it', async () => {
    const context = await contextOf(new MemoryStore());
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const { segments, rows: count } = await upload(context, given);
        expect(count).toBe(given.length);
        expect(await contentsOf(context, segments)).toEqual(expected(given));
        for (const [i, segment] of segments.entries())
          if (i > 0) expect(Buffer.compare(segments[i - 1]!.lastKey, segment.firstKey)).toBe(-1);
      }),
      { numRuns: 150 },
    );
  });
});

const numbered = (n: number): Row => [`k${String(n).padStart(5, '0')}`, `value ${n}`];
const shuffled = Array.from({ length: 200 }, (_, i) => numbered((i * 71) % 200));

test('rows in order are written once', async () => {
  const memory = new MemoryStore();
  const context = await contextOf(memory);
  const { segments } = await upload(context, shuffled.toSorted());
  expect(segments.length).toBeGreaterThan(5);
  expect(segmentNames(memory)).toHaveLength(segments.length);
});

test('a segment that no later row falls into stays as it was written', async () => {
  const memory = new MemoryStore();
  const context = await contextOf(memory);
  let written: string[] = [];
  const rows = function* (): Generator<Row> {
    yield* shuffled.toSorted();
    written = segmentNames(memory);
    yield numbered(0);
  };
  const { segments } = await upload(context, rows());
  const kept = segmentNames(memory).filter((name) => written.includes(name));
  expect(kept.length).toBeGreaterThan(written.length - 3);
  expect(segmentNames(memory)).toHaveLength(segments.length);
});

test('runs that were merged are not left behind', async () => {
  const memory = new MemoryStore();
  const context = await contextOf(memory);
  const phases = new Set<string>();
  const { segments } = await upload(context, [...shuffled, ...shuffled], {
    onProgress: ({ phase }) => phases.add(phase),
  });
  expect([...phases]).toEqual(['rows', 'merge']);
  expect(segmentNames(memory)).toHaveLength(segments.length);
});

test('a key whose rows fill several chunks is there once', async () => {
  const context = await contextOf(new MemoryStore());
  const rows = Array.from({ length: 300 }, (_, i): Row => [`k${Math.floor(i / 60)}`, `value ${i}`]);
  const { segments } = await upload(context, rows);
  expect(await contentsOf(context, segments)).toEqual(expected(rows));
});

test('a value that is kept in pieces is the same in a merged run', async () => {
  const context = await contextOf(new MemoryStore());
  const large = (n: number): Row => [`k${n}`, String(n).repeat(70_000)];
  const rows = [large(3), large(1), large(2), large(1), numbered(4)];
  const { segments } = await upload(context, rows);
  expect(await contentsOf(context, segments)).toEqual(expected(rows));
});

describe('whatever call of the store fails,', () => {
  /** Fails the n-th call that has to do with segments, for good. */
  function failing(memory: MemoryStore, n: number): ObjectStore {
    let calls = 0;
    const check = (name: string): void => {
      if (name.startsWith('seg/') && ++calls >= n) throw new StoreError('DENIED', 'no more');
    };
    return {
      capabilities: memory.capabilities,
      get: async (name, options) => {
        check(name);
        return memory.get(name, options);
      },
      put: async (name, bytes, options) => {
        check(name);
        return memory.put(name, bytes, options);
      },
      delete: async (names, options) => {
        check(names[0] ?? '');
        return memory.delete(names, options);
      },
      list: (prefix, options) => memory.list(prefix, options),
    };
  }

  test('it is told, and the source hears that no more is wanted', async () => {
    const memory = new MemoryStore();
    const whole = new MemoryStore();
    const { segments } = await upload(await contextOf(whole), shuffled);
    let failures = 0;
    for (let n = 1; ; n++) {
      let stopped = false;
      const rows = function* (): Generator<Row> {
        try {
          yield* shuffled;
        } finally {
          stopped = true;
        }
      };
      const ended = await upload(await contextOf(failing(memory, n)), rows()).then(
        ({ segments: run }) => run.length,
        (error: unknown) => error,
      );
      expect(stopped).toBe(true);
      if (typeof ended === 'number') {
        // Only what was to be deleted could not be.
        expect(ended).toBe(segments.length);
        break;
      }
      expect(ended).toMatchObject({ code: 'STORE_REFUSED' });
      failures++;
    }
    expect(failures).toBeGreaterThan(20);
  });

  test('and so it is where the caller gives up', async () => {
    const context = await contextOf(new MemoryStore());
    const stop = new AbortController();
    let given = 0;
    const rows = function* (): Generator<Row> {
      for (; ; given++) {
        if (given === 100) stop.abort(new Error('enough'));
        yield numbered(given);
      }
    };
    await expect(upload(context, rows(), { signal: stop.signal })).rejects.toThrow('enough');
    expect(given).toBeLessThan(200);
  });

  test('also where it is the source itself that gives up, and then says nothing more', async () => {
    const context = await contextOf(new MemoryStore());
    const stop = new AbortController();
    const rows = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          stop.abort(new Error('enough'));
          return new Promise<IteratorResult<Row>>(() => {});
        },
      }),
    } as unknown as Iterable<Row>;
    await expect(upload(context, rows, { signal: stop.signal })).rejects.toThrow('enough');
  });
});
