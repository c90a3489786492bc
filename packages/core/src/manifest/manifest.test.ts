import { describe, expect, test } from 'vitest';
import { merkleRoot } from '../merkle/merkle.js';
import { ByteWriter } from '../object/bytes.js';
import type { SegmentEntry } from '../segment/segment-entry.js';
import { testId, testSealing } from '../segment/segment-fixture.js';
import { Manifest, readManifestSection } from './manifest.js';
import { PAGE_BYTES_MAX } from './page.js';

const sealing = testSealing();
const { sha256 } = sealing.provider;

function segment(i: number, keyBytes = 8): SegmentEntry {
  const key = new Uint8Array(keyBytes).fill(i);
  return {
    id: testId(sealing),
    bytes: 5000,
    metaBytes: 500,
    root: sealing.random(32),
    epoch: 1,
    level: 0,
    run: i,
    minVersion: 1,
    maxVersion: i + 1,
    stampVersion: 0,
    stampOrder: 0,
    entries: 10,
    tombstones: 0,
    firstKey: key,
    lastKey: key,
    ranges: 0,
    rangeBegin: new Uint8Array(0),
    rangeEnd: new Uint8Array(0),
    earliestExpiryMs: 0,
  };
}

/** A manifest of `runs` runs, and the pages that are objects. */
async function grown(
  runs: number,
  keyBytes = 8,
): Promise<{ manifests: Manifest[]; pages: Map<string, Uint8Array> }> {
  const pages = new Map<string, Uint8Array>();
  const manifests = [Manifest.empty(sha256)];
  for (let i = 1; i <= runs; i++) {
    const added = await manifests.at(-1)!.withRun(sealing, [segment(i, keyBytes)], () => testId(sealing));
    for (const { name, bytes } of added.uploads) pages.set(name, bytes);
    manifests.push(added.manifest);
  }
  return { manifests, pages };
}

/** Loads what a record says of a manifest, and tells which pages were asked for, with what bound. */
async function load(
  manifest: Manifest,
  pages: ReadonlyMap<string, Uint8Array>,
  known?: readonly Manifest[],
  spoil: (bytes: Uint8Array, time: number) => Uint8Array = (bytes) => bytes,
): Promise<{ manifest: Manifest; asked: [name: string, bytes: number][] }> {
  const asked: [string, number][] = [];
  const fetchPage = async (name: string, bytes: number): Promise<Uint8Array | undefined> => {
    asked.push([name, bytes]);
    const page = pages.get(name);
    return page && spoil(page, asked.length);
  };
  const loaded = await Manifest.load(sealing, manifest.section, manifest.root, 'log/1', fetchPage, known);
  return { manifest: loaded, asked };
}

describe('a manifest', () => {
  test('is loaded from its section and its pages, each asked for once and by its size', async () => {
    const { manifests, pages } = await grown(200);
    const manifest = manifests.at(-1)!;
    expect(manifest.pageNames().length).toBeGreaterThan(1);
    const loaded = await load(manifest, pages);
    expect(loaded.manifest.entries).toEqual(manifest.entries);
    expect(loaded.manifest.section).toEqual(manifest.section);
    expect(loaded.asked).toEqual(manifest.pageNames().map((name) => [name, pages.get(name)!.length]));
  });

  test('asks for no page that a manifest at hand has', async () => {
    const { manifests, pages } = await grown(200);
    const [old, newest] = [manifests[150]!, manifests.at(-1)!];
    const known = [manifests[20]!, (await load(old, pages)).manifest];
    const { asked, manifest } = await load(newest, pages, known);
    expect(asked.map(([name]) => name)).toEqual(
      newest.pageNames().filter((name) => !old.pageNames().includes(name)),
    );
    expect(manifest.entries).toEqual(newest.entries);
    // Their entries are the very same, not decoded anew.
    const shared = manifest.entries.filter((entry) => known[1]!.entries.includes(entry));
    expect(shared.length).toBeGreaterThan(70);
  });

  test('takes an inline page that was put out meanwhile for the page it was', async () => {
    const { manifests, pages } = await grown(120);
    const inlineOf = (manifest: Manifest): Uint8Array | undefined =>
      readManifestSection(sha256, manifest.section, manifest.root, 'log/1').refs[0]?.inline;
    const spilled = manifests.findIndex(
      (manifest, i) => manifest.pageNames().length > (manifests[i - 1]?.pageNames().length ?? 0),
    );
    const inline = manifests[spilled - 1]!;
    expect(inlineOf(inline)).toBeDefined();
    const known = [(await load(inline, pages)).manifest];
    expect((await load(manifests[spilled]!, pages, known)).asked).toEqual([]);
  });

  test('keeps no view of the record it came in', async () => {
    const { manifests, pages } = await grown(10);
    const manifest = manifests.at(-1)!;
    const record = manifest.section.slice();
    const fetchPage = async (name: string): Promise<Uint8Array | undefined> => pages.get(name);
    const loaded = await Manifest.load(sealing, record, manifest.root, 'log/1', fetchPage);
    record.fill(0);
    const { manifest: next } = await loaded.withRun(sealing, [segment(11)], () => testId(sealing));
    expect(loaded.section).toEqual(manifest.section);
    expect(next.entries.slice(1)).toEqual(manifest.entries);
  });

  test('asks once more for a page that came damaged, and then calls it corrupt', async () => {
    const { manifests, pages } = await grown(200);
    const manifest = manifests.at(-1)!;
    const names = manifest.pageNames();
    const cutFirst = await load(manifest, pages, [], (bytes, time) =>
      time === 1 ? bytes.subarray(9) : bytes,
    );
    expect(cutFirst.manifest.entries).toEqual(manifest.entries);
    expect(cutFirst.asked.length).toBe(names.length + 1);
    const always = load(manifest, pages, [], (bytes) => bytes.subarray(1));
    await expect(always).rejects.toThrow('its hash is not the one that log/1 names');
    const missing = load(manifest, new Map());
    await expect(missing).rejects.toThrow('log/1 names it, and it is missing');
  });

  test('with a page larger than pages are is refused before the page is asked for', async () => {
    const hash = new Uint8Array(32).fill(1);
    const sectionOf = (bytes: number): Uint8Array =>
      new ByteWriter().varint(2).varint(1).u8(1).raw(testId(sealing)).varint(bytes).raw(hash).finish();
    const root = merkleRoot(sha256, [hash]);
    let asked = 0;
    const fetchPage = async (): Promise<undefined> => {
      asked++;
    };
    const loaded = (bytes: number): Promise<Manifest> =>
      Manifest.load(sealing, sectionOf(bytes), root, 'log/1', fetchPage);
    await expect(loaded(PAGE_BYTES_MAX)).rejects.toThrow('it is missing');
    expect(asked).toBe(1);
    await expect(loaded(PAGE_BYTES_MAX + 1)).rejects.toThrow('expected a page of at most');
    expect(asked).toBe(1);
  });

  test('with keys as long as keys can be grows no inline page past its bound', async () => {
    const { manifests, pages } = await grown(6, 4000);
    const { section } = manifests.at(-1)!;
    expect(section.length).toBeLessThan(12 * 1024);
    expect((await load(manifests.at(-1)!, pages)).manifest.entries).toEqual(manifests.at(-1)!.entries);
  });
});
