import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, concatBytes, toHex } from '../object/bytes.js';
import { objectName, PAGE_PREFIX } from '../object/names.js';
import { type SegmentEntry, STREAM_LEVEL, segmentBegin } from '../segment/segment-entry.js';
import { key, testId, testSealing } from '../segment/segment-fixture.js';
import { type ChangedManifest, Manifest } from './manifest.js';
import { readManifestSection } from './manifest-section.js';
import { decodePage, PAGE_ENTRIES_MAX } from './page.js';
import { INLINE_BYTES_MAX, isSmall, PAGE_BYTES_GOAL } from './page-plan.js';

const sealing = testSealing();
const { sha256 } = sealing.provider;
const NONE = new Uint8Array(0);

/** Everything in [first, last], keys as numbers; `padding` bytes make the keys longer. */
function segment(
  place: { level: number; run: number },
  first: number,
  last = first,
  padding = 0,
): SegmentEntry {
  const keyOf = (n: number): Uint8Array =>
    concatBytes(key(String(n).padStart(9, '0')), new Uint8Array(padding));
  return {
    id: testId(sealing),
    bytes: 5000,
    metaBytes: 500,
    root: sealing.random(32),
    epoch: 1,
    ...place,
    minVersion: 1,
    maxVersion: 2,
    stampVersion: 0,
    stampOrder: 0,
    entries: 1,
    tombstones: 0,
    ranges: 0,
    rangeBegin: NONE,
    rangeEnd: NONE,
    earliestExpiryMs: 0,
    firstKey: keyOf(first),
    lastKey: keyOf(last),
  };
}

/** What the manifest consists of, as a record's reader finds it. */
interface FoundPage {
  readonly level: number;
  readonly hash: string;
  readonly bytes: number;
  readonly isInline: boolean;
  readonly entries: readonly SegmentEntry[];
}

class Tried {
  manifest: Manifest = Manifest.empty(sha256);
  readonly objects = new Map<string, Uint8Array>();
  readonly #decoded = new Map<string, SegmentEntry[]>();

  async withRun(
    level: number,
    ranges: readonly (readonly [first: number, last: number])[],
    padding = 0,
  ): Promise<void> {
    const place = { level, run: this.manifest.nextRun };
    const run = ranges.map(([first, last]) => segment(place, first, last, padding));
    this.take(await this.manifest.withRun(sealing, run, () => testId(sealing)));
  }

  async edit(remove: readonly SegmentEntry[], add: readonly SegmentEntry[]): Promise<void> {
    const change = { remove: remove.map(({ id }) => id), add };
    this.take(await this.manifest.edit(sealing, change, () => testId(sealing)));
  }

  take({ manifest, uploads }: ChangedManifest): void {
    for (const { name, bytes } of uploads) this.objects.set(name, bytes);
    this.manifest = manifest;
  }

  async pages(): Promise<FoundPage[]> {
    const { section, root } = this.manifest;
    const found: FoundPage[] = [];
    for (const { level, id, hash, inline } of readManifestSection(sha256, section, root, 'log/1').refs) {
      const bytes = inline ?? this.objects.get(objectName(PAGE_PREFIX, id!))!;
      const hex = toHex(hash);
      const entries = this.#decoded.get(hex) ?? (await decodePage(sealing, bytes, level, 'page'));
      this.#decoded.set(hex, entries);
      found.push({ level, hash: hex, bytes: bytes.length, isInline: inline !== undefined, entries });
    }
    return found;
  }

  async load(known: readonly Manifest[] = []): Promise<{ manifest: Manifest; asked: string[] }> {
    const asked: string[] = [];
    const fetchPage = async (name: string): Promise<Uint8Array | undefined> => {
      asked.push(name);
      return this.objects.get(name);
    };
    const { section, root } = this.manifest;
    return { manifest: await Manifest.load(sealing, section, root, 'log/1', fetchPage, known), asked };
  }
}

const idsOf = (entries: readonly SegmentEntry[]): string[] => entries.map(({ id }) => toHex(id));

/** `count` ranges of keys, ascending, with room between them. */
const spread = (count: number, from = 0): [number, number][] =>
  Array.from({ length: count }, (_, i) => [from + i * 100, from + i * 100 + 50]);

describe('a manifest of several levels', () => {
  async function layered(): Promise<Tried> {
    const tried = new Tried();
    await tried.withRun(2, spread(300));
    await tried.withRun(STREAM_LEVEL, [
      [7, 7],
      [7, 7],
      [9, 9],
    ]);
    await tried.withRun(1, spread(20));
    await tried.withRun(0, spread(3));
    await tried.withRun(0, spread(2));
    return tried;
  }

  test('lists them from the newest run of level 0 to the parts of streams', async () => {
    const tried = await layered();
    const places = tried.manifest.entries.map(({ level, run }) => `${level}/${run}`);
    expect([...new Set(places)]).toEqual(['0/5', '0/4', '1/3', '2/1', '255/2']);
    const pages = await tried.pages();
    expect(pages.map(({ level }) => level)).toEqual([0, 1, 2, 2, 255]);
    expect(pages.map(({ isInline }) => isInline)).toEqual([true, false, false, false, false]);
  });

  test('keeps the parts of streams from those who search, and finds them by id', async () => {
    const { manifest } = await layered();
    expect(manifest.searched).toEqual(manifest.entries.slice(0, 325));
    const parts = manifest.entries.slice(325);
    expect([...manifest.parts.values()]).toEqual(parts);
    expect(manifest.parts.get(toHex(parts[1]!.id))).toBe(parts[1]);
    expect(manifest.parts.get(toHex(manifest.entries[0]!.id))).toBeUndefined();
  });

  test('without streams searches what it lists, not a copy of that', async () => {
    const tried = new Tried();
    await tried.withRun(0, spread(3));
    expect(tried.manifest.searched).toBe(tried.manifest.entries);
    expect(tried.manifest.parts.size).toBe(0);
  });

  test('is loaded as it was made, and asks for no page of a manifest at hand', async () => {
    const tried = await layered();
    const whole = await tried.load();
    expect(whole.manifest.entries).toEqual(tried.manifest.entries);
    expect(whole.asked).toEqual(tried.manifest.pageNames());
    await tried.withRun(1, spread(1));
    const next = await tried.load([whole.manifest]);
    expect(next.asked.length).toBe(1);
    expect(next.manifest.entries).toEqual(tried.manifest.entries);
  });

  test('takes a page at hand of another level for what it is: another page', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(3));
    const old = tried.manifest;
    // Level 1 becomes level 2, in the section alone.
    const section = old.section.slice();
    expect(section[2]).toBe(1);
    section[2] = 2;
    const fetchPage = async (name: string): Promise<Uint8Array | undefined> => tried.objects.get(name);
    const moved = await Manifest.load(sealing, section, old.root, 'log/1', fetchPage, [old]);
    expect(moved.entries.map(({ level }) => level)).toEqual([2, 2, 2]);
  });
});

describe('a run', () => {
  test('of streams is never inline, and shares a page with those before until that is full', async () => {
    const tried = new Tried();
    for (let i = 0; i < 300; i++) await tried.withRun(STREAM_LEVEL, [[i, i]]);
    const pages = await tried.pages();
    expect(pages.map(({ entries }) => entries.length)).toEqual([44, 256]);
    expect(pages.every(({ isInline }) => !isInline)).toBe(true);
  });

  test('of streams with long keys starts a new page before one weighs too much', async () => {
    const tried = new Tried();
    for (let i = 0; i < 12; i++) await tried.withRun(STREAM_LEVEL, [[i, i]], 8000);
    const pages = await tried.pages();
    expect(pages.map(({ entries }) => entries.length)).toEqual([4, 4, 4]);
    for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(PAGE_BYTES_GOAL);
  });

  test('of many segments is cut into pages of about the same size', async () => {
    const tried = new Tried();
    await tried.withRun(3, spread(1000));
    expect((await tried.pages()).map(({ entries }) => entries.length)).toEqual([250, 250, 250, 250]);
  });

  test('of a middle level that is small joins a small page, and leaves a full one alone', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(200));
    await tried.withRun(1, spread(3));
    await tried.withRun(1, spread(3));
    expect((await tried.pages()).map(({ entries }) => entries.length)).toEqual([6, 200]);
  });

  test('that is not the next, of two levels or of no segment is refused', async () => {
    const { manifest } = new Tried();
    const withRun = (...run: SegmentEntry[]): Promise<unknown> =>
      manifest.withRun(sealing, run, () => testId(sealing));
    await expect(withRun()).rejects.toThrow('Expected segments of run 1');
    await expect(withRun(segment({ level: 0, run: 2 }, 1))).rejects.toThrow('Expected segments of run 1');
    const two = [segment({ level: 0, run: 1 }, 1), segment({ level: 1, run: 1 }, 2)];
    await expect(withRun(...two)).rejects.toThrow('all of one level');
    await expect(withRun(segment({ level: 256, run: 1 }, 1))).rejects.toThrow(
      'expected a level from 0 to 255',
    );
  });

  test('whose segments overlap or are out of order is not made, as no reader would take it', async () => {
    const tried = new Tried();
    await expect(
      tried.withRun(0, [
        [1, 5],
        [5, 9],
      ]),
    ).rejects.toThrow('not to overlap');
    await expect(
      tried.withRun(1, [
        [5, 6],
        [1, 2],
      ]),
    ).rejects.toThrow('in the order of their keys');
    await expect(tried.withRun(STREAM_LEVEL, [[1, 2]])).rejects.toThrow('expected one value');
  });
});

describe('an edit', () => {
  test('makes the pages anew whose segments or keys it touches, and no other', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(1000));
    const before = await tried.pages();
    const [old] = before[1]!.entries;
    await tried.edit(
      [old!],
      [segment({ level: 1, run: 1 }, 25_010, 25_020), segment({ level: 1, run: 1 }, 25_030)],
    );
    const after = await tried.pages();
    expect(after.map(({ hash }) => hash)).toEqual([
      before[0]!.hash,
      after[1]!.hash,
      before[2]!.hash,
      before[3]!.hash,
    ]);
    expect(after[1]!.entries.length).toBe(251);
  });

  test('moves segments from level to level', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(10));
    await tried.withRun(0, spread(2, 10_000));
    const moved = tried.manifest.entries.slice(0, 2);
    await tried.edit(
      moved,
      moved.map((entry) => ({ ...entry, level: 1, run: 1 })),
    );
    expect(idsOf(tried.manifest.entries.slice(-2))).toEqual(idsOf(moved));
    expect((await tried.pages()).map(({ level, entries }) => [level, entries.length])).toEqual([[1, 12]]);
    expect(tried.manifest.nextRun).toBe(3);
  });

  test('may add new runs, and the next run is above them', async () => {
    const tried = new Tried();
    await tried.edit([], [segment({ level: 1, run: 1 }, 1), segment({ level: 2, run: 2 }, 1)]);
    expect(tried.manifest.nextRun).toBe(3);
  });

  test('of level 0 leaves its newest runs in the record', async () => {
    const tried = new Tried();
    for (let i = 0; i < 120; i++) await tried.withRun(0, [[i, i]]);
    const before = await tried.pages();
    expect(before[0]!.isInline).toBe(true);
    await tried.edit(before.at(-1)!.entries, [segment({ level: 1, run: 121 }, 0, 50)]);
    const after = await tried.pages();
    expect(after[0]).toEqual(before[0]);
    expect(after.at(-1)!.level).toBe(1);
  });

  test('puts an inline page out, the same bytes, where another comes before it', async () => {
    const tried = new Tried();
    await tried.withRun(0, spread(3));
    const [inline] = await tried.pages();
    await tried.edit(
      [],
      spread(200).map(([first, last]) => segment({ level: 0, run: 2 }, first, last)),
    );
    const pages = await tried.pages();
    expect(pages.at(-1)).toEqual({ ...inline, isInline: false });
  });

  test('that empties a page joins the small ones which are neighbours then', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(3));
    await tried.withRun(1, spread(256));
    await tried.withRun(1, spread(4));
    const before = await tried.pages();
    expect(before.map(({ entries }) => entries.length)).toEqual([4, 256, 3]);
    await tried.edit(before[1]!.entries, []);
    expect((await tried.pages()).map(({ entries }) => entries.length)).toEqual([7]);
  });

  test('of all segments leaves an empty manifest that knows its next run', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(3));
    await tried.edit(tried.manifest.entries, []);
    expect(tried.manifest.entries).toEqual([]);
    expect((await tried.load()).manifest.nextRun).toBe(2);
  });

  test('that removes what is not there, or adds what is, is refused', async () => {
    const tried = new Tried();
    await tried.withRun(1, spread(3));
    const [live] = tried.manifest.entries;
    await expect(tried.edit([segment({ level: 1, run: 1 }, 1)], [])).rejects.toThrow(
      'a live segment to remove',
    );
    await expect(tried.edit([], [{ ...live!, level: 2 }])).rejects.toThrow('added twice');
    await expect(tried.edit([], [segment({ level: 1, run: 1 }, 40, 60)])).rejects.toThrow('not to overlap');
  });
});

/** Small numbers from a seed: fast-check prints the seed, and that is all there is to repeat a failure. */
function dice(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe('whatever runs and edits come', () => {
  /** A run of segments that don't overlap, some with range tombstones, or of parts. */
  function someRun(roll: (below: number) => number, level: number, run: number): SegmentEntry[] {
    const size = [1 + roll(4), 1 + roll(40), 100 + roll(500)][roll(level === 0 ? 2 : 3)]!;
    const padding = roll(6) === 0 ? 200 + roll(3000) : 0;
    let at = roll(1000);
    return Array.from({ length: size }, () => {
      at += 1 + roll(1000);
      if (level === STREAM_LEVEL) return segment({ level, run }, at, at, padding);
      const first = at;
      at += 2 + roll(500);
      const whole = segment({ level, run }, first, at, padding);
      const hull = { ranges: 1, rangeBegin: whole.firstKey, rangeEnd: concatBytes(whole.lastKey, key('+')) };
      if (roll(3) > 0) return whole;
      return roll(2) === 0
        ? { ...whole, ...hull }
        : { ...whole, ...hull, entries: 0, firstKey: NONE, lastKey: NONE };
    });
  }

  /** Takes some neighbours away; puts others into their places, or moves them a level down, or neither. */
  function someEdit(
    roll: (below: number) => number,
    live: readonly SegmentEntry[],
    nextRun: number,
  ): { remove: SegmentEntry[]; add: SegmentEntry[] } {
    const start = roll(live.length);
    const step = 1 + roll(3);
    const remove = live
      .slice(start, start + 1 + roll([5, 60, 600][roll(3)]!))
      .filter((_, i) => i % step === 0);
    const how = roll(4);
    const newRuns = new Map<number, number>();
    const add = remove.flatMap((entry): SegmentEntry[] => {
      const fresh = { ...entry, id: testId(sealing) };
      if (how === 0 || roll(4) === 0) return [];
      if (how === 1) return [fresh];
      if (entry.level === STREAM_LEVEL) return [entry];
      if (how === 2) {
        const run = newRuns.get(entry.run) ?? nextRun + newRuns.size;
        newRuns.set(entry.run, run);
        return [{ ...entry, level: Math.min(entry.level + 1, 254), run }];
      }
      if (entry.ranges > 0 || compareBytes(entry.firstKey, entry.lastKey) === 0) return [fresh];
      return [
        { ...fresh, lastKey: entry.firstKey },
        { ...fresh, id: testId(sealing), firstKey: entry.lastKey },
      ];
    });
    return { remove, add };
  }

  /** The order in words of the format, slowly. */
  function inOrder(entries: readonly SegmentEntry[]): SegmentEntry[] {
    return [...entries].sort((a, b) => {
      if (a.level !== b.level) return a.level - b.level;
      if (a.run !== b.run) return b.run - a.run;
      return compareBytes(segmentBegin(a), segmentBegin(b));
    });
  }

  function expectSound(pages: readonly FoundPage[]): void {
    for (const [i, page] of pages.entries()) {
      expect(page.entries.length).toBeLessThanOrEqual(PAGE_ENTRIES_MAX);
      expect(page.bytes).toBeLessThanOrEqual(PAGE_BYTES_GOAL);
      if (page.isInline) expect([i, page.level, page.bytes <= INLINE_BYTES_MAX]).toEqual([0, 0, true]);
      const before = pages[i - 1];
      if (before && before.level === page.level && page.level > 0)
        expect(isSmall(before.entries) && isSmall(page.entries)).toBe(false);
    }
  }

  /** Which page a change may make anew: one it touches, or a small one that then stands with others in one page. */
  function expectKept(
    before: readonly FoundPage[],
    after: readonly FoundPage[],
    touched: ReadonlySet<FoundPage>,
  ): void {
    const hashes = new Set(after.map(({ hash }) => hash));
    for (const page of before) {
      if (hashes.has(page.hash) || touched.has(page)) continue;
      const [first] = page.entries;
      const now = after.find(({ entries }) => entries.some(({ id }) => toHex(id) === toHex(first!.id)))!;
      expect(isSmall(page.entries)).toBe(true);
      expect(now.entries.length).toBeGreaterThan(page.entries.length);
    }
  }

  function touchedBy(
    pages: readonly FoundPage[],
    remove: readonly SegmentEntry[],
    add: readonly SegmentEntry[],
  ) {
    const removed = new Set(idsOf(remove));
    return new Set(
      pages.filter(({ entries }) => {
        const [first, last] = [entries[0]!, entries.at(-1)!];
        const spans = add.some((entry) => {
          const order = inOrder([first, entry, last]);
          return order[1] === entry && (entry.run !== first.run || entry.level === first.level);
        });
        return spans || entries.some(({ id }) => removed.has(toHex(id)));
      }),
    );
  }

  test('the manifest lists what an array would, rewrites what they touch, and its pages stay of a fair size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 - 1 }), async (seed) => {
        const roll = dice(seed);
        const tried = new Tried();
        let model: SegmentEntry[] = [];
        for (let step = 0; step < 14; step++) {
          const before = await tried.pages();
          const old = tried.manifest;
          if (model.length === 0 || roll(2) === 0) {
            const level = [0, 0, 1, 2, 254, STREAM_LEVEL][roll(6)]!;
            const run = someRun(roll, level, old.nextRun);
            tried.take(await old.withRun(sealing, run, () => testId(sealing)));
            model = inOrder([...run, ...model]);
            const head = before.find((page) => page.level === level);
            const mayTouch = level === 0 || level === STREAM_LEVEL ? [head!] : [];
            expectKept(before, await tried.pages(), new Set(mayTouch));
          } else {
            const { remove, add } = someEdit(roll, model, old.nextRun);
            await tried.edit(remove, add);
            const removed = new Set(idsOf(remove));
            model = inOrder([...model.filter(({ id }) => !removed.has(toHex(id))), ...add]);
            expectKept(before, await tried.pages(), touchedBy(before, remove, add));
          }
          expect(idsOf(tried.manifest.entries)).toEqual(idsOf(model));
          expectSound(await tried.pages());
          const { manifest: loaded } = await tried.load([old]);
          expect(toHex(loaded.section)).toBe(toHex(tried.manifest.section));
        }
        expect((await tried.load()).manifest.entries).toEqual(model);
      }),
      // A run of streams whose last page is small, beside a small one.
      { numRuns: 5, examples: [[546040643]] },
    );
  }, 60_000);
});
