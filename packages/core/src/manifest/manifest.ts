/**
 * The manifest: every live segment, by level, newest run first, cut into sealed pages under one Merkle root.
 * FORMAT.md, "Manifest section".
 *
 * Invariants:
 * - A page is sealed once. Inline in a record or alone under `man/`, its bytes and its hash are the same.
 * - A page lists segments of one level. Only the first page may be inline, and only if it is of level 0; the others are
 *   objects that were durable before a record named them (I3).
 * - The order of all segments is that of `manifest-order.ts`, whoever made the manifest.
 */

import { leafHash, merkleRoot, type Sha256 } from '../merkle/merkle.js';
import { copyBytes, equalBytes, toHex } from '../object/bytes.js';
import { readChecked } from '../object/checked-read.js';
import type { Sealing } from '../object/envelope.js';
import { corrupt, missingObject } from '../object/errors.js';
import { type ObjectId, objectName, PAGE_PREFIX } from '../object/names.js';
import { type SegmentEntry, STREAM_LEVEL } from '../segment/segment-entry.js';
import { entryFault, LEVEL_MAX, orderFault } from './manifest-order.js';
import { encodeManifestSection, readManifestSection } from './manifest-section.js';
import { decodePage, encodePage } from './page.js';
import {
  INLINE_BYTES_MAX,
  isNewPage,
  type ManifestChange,
  type PlannedPage,
  planEdit,
  planRun,
} from './page-plan.js';

interface Page {
  readonly level: number;
  readonly id: ObjectId;
  readonly hash: Uint8Array;
  readonly bytes: number;
  /** Present where the page travels in the record. */
  readonly inline: Uint8Array | undefined;
  readonly entries: readonly SegmentEntry[];
}

/** A page that must be durable before a record may name it. */
export interface PageUpload {
  readonly id: ObjectId;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A manifest that follows another, and the pages that must be durable before a record names it. */
export interface ChangedManifest {
  readonly manifest: Manifest;
  readonly uploads: PageUpload[];
}

export class Manifest {
  readonly #pages: readonly Page[];
  readonly #sha256: Sha256;
  /** The number that the next run gets; runs are numbered from 1 in the order of their making. */
  readonly nextRun: number;
  /** Merkle root over the pages. */
  readonly root: Uint8Array;
  /** What goes into a record. */
  readonly section: Uint8Array;
  /** Every live segment: level by level, newest run first. */
  readonly entries: readonly SegmentEntry[];
  /** Those that a read by key asks: all but the parts of streams. */
  readonly searched: readonly SegmentEntry[];
  #parts: ReadonlyMap<string, SegmentEntry> | undefined;

  private constructor(sha256: Sha256, pages: readonly Page[], nextRun: number) {
    this.#pages = pages;
    this.#sha256 = sha256;
    this.nextRun = nextRun;
    this.root = merkleRoot(
      sha256,
      pages.map((page) => page.hash),
    );
    this.section = encodeManifestSection(pages, nextRun);
    this.entries = pages.flatMap((page) => page.entries);
    const isSearched = (page: Page): boolean => page.level !== STREAM_LEVEL;
    this.searched = pages.every(isSearched)
      ? this.entries
      : pages.filter(isSearched).flatMap((page) => page.entries);
  }

  static empty(sha256: Sha256): Manifest {
    return new Manifest(sha256, [], 1);
  }

  /**
   * The manifest of a record.
   * @param object how errors name the record.
   * @param fetchPage reads a page's object, of `bytes` bytes; undefined: there is none. What it yields need not be
   * checked. It is asked once more where that is not the page that the section names.
   * @param known manifests at hand: a page that one of them has is neither fetched nor decoded again.
   * @param signal ends the waiting for the key of a page's epoch.
   * @throws HoldfastError CORRUPT, UNSUPPORTED_FORMAT, or what `fetchPage` throws.
   */
  static async load(
    sealing: Sealing,
    section: Uint8Array,
    root: Uint8Array,
    object: string,
    fetchPage: (name: string, bytes: number) => Promise<Uint8Array | undefined>,
    known: readonly Manifest[] = [],
    signal?: AbortSignal,
  ): Promise<Manifest> {
    const { sha256 } = sealing.provider;
    const { refs, nextRun } = readManifestSection(sha256, section, root, object);
    const knownPages = new Map<string, Page>();
    for (const manifest of known) for (const page of manifest.#pages) knownPages.set(toHex(page.hash), page);
    const pages = await Promise.all(
      refs.map(async (ref): Promise<Page> => {
        const { level, bytes: size } = ref;
        // Copies: they outlive the record that the section is a view of.
        const hash = copyBytes(ref.hash);
        const inline = ref.inline && copyBytes(ref.inline);
        const id = inline ? inline.subarray(24, 48) : copyBytes(ref.id!);
        const page = { level, id, hash, bytes: size, inline };
        const same = knownPages.get(toHex(hash));
        // Of another level, its entries would be others.
        if (same && same.level === level && same.bytes === size && equalBytes(same.id, id))
          return { ...page, entries: same.entries };
        const name = inline ? `${object} (inline manifest page)` : objectName(PAGE_PREFIX, id);
        const bytes = inline ?? (await fetchNamed(sha256, page, name, object, fetchPage));
        return { ...page, entries: await decodePage(sealing, bytes, level, name, signal) };
      }),
    );
    // Inside of a page its reader has checked the order.
    const fault = faultBetween(pages, nextRun);
    if (fault !== undefined) throw corrupt(object, `in its manifest, ${fault}`);
    return new Manifest(sha256, pages, nextRun);
  }

  /** The parts of streams, by their segments' ids in hex. */
  get parts(): ReadonlyMap<string, SegmentEntry> {
    this.#parts ??= new Map(
      this.#pages
        .filter(({ level }) => level === STREAM_LEVEL)
        .flatMap(({ entries }) => entries.map((entry) => [toHex(entry.id), entry])),
    );
    return this.#parts;
  }

  /** The names of the pages that are objects. */
  pageNames(): string[] {
    return this.#pages.flatMap((page) => (page.inline ? [] : [objectName(PAGE_PREFIX, page.id)]));
  }

  /** The same, and the name that an inline page gets if a later record puts it out: it was drawn when it was sealed. */
  pageNamesToCome(): string[] {
    return this.#pages.map((page) => objectName(PAGE_PREFIX, page.id));
  }

  /**
   * The manifest with one more run, the newest.
   * @param run its segments in order, placed as run `nextRun`, all at one level.
   * @param newId makes the id of a page.
   * @throws RangeError for segments that are no run, or not the next.
   */
  async withRun(
    sealing: Sealing,
    run: readonly SegmentEntry[],
    newId: () => ObjectId,
  ): Promise<ChangedManifest> {
    const level = run[0]?.level;
    if (run.length === 0 || run.some((entry) => entry.run !== this.nextRun || entry.level !== level))
      throw new RangeError(
        `Expected segments of run ${this.nextRun}, all of one level, found others or none.`,
      );
    return this.#withPages(sealing, planRun(this.#pages, run), this.nextRun + 1, newId);
  }

  /**
   * The manifest without some segments and with others, for whoever rewrites segments. A segment moves to another
   * level or run by being both removed and added.
   * @param change what is added may be of a run that is there, or of new ones: `nextRun` and up.
   * @throws RangeError for a segment to remove that isn't live, one to add that is, or added ones that overlap in a run.
   */
  async edit(sealing: Sealing, change: ManifestChange, newId: () => ObjectId): Promise<ChangedManifest> {
    const nextRun = change.add.reduce((max, { run }) => Math.max(max, run + 1), this.nextRun);
    return this.#withPages(sealing, planEdit(this.#pages, change), nextRun, newId);
  }

  async #withPages(
    sealing: Sealing,
    planned: readonly PlannedPage<Page>[],
    nextRun: number,
    newId: () => ObjectId,
  ): Promise<ChangedManifest> {
    const fault =
      planned.map(faultInside).find((found) => found !== undefined) ?? faultBetween(planned, nextRun);
    if (fault !== undefined) throw new RangeError(`The segments don't make a manifest: ${fault}.`);
    const uploads: PageUpload[] = [];
    const pages: Page[] = [];
    for (const page of planned) {
      const sealed = isNewPage(page) ? await sealPage(sealing, newId(), page) : page;
      const mayBeInline = pages.length === 0 && page.level === 0 && sealed.bytes <= INLINE_BYTES_MAX;
      if (!sealed.inline || mayBeInline) pages.push(sealed);
      else {
        const { id, inline } = sealed;
        uploads.push({ id, name: objectName(PAGE_PREFIX, id), bytes: inline });
        pages.push({ ...sealed, inline: undefined });
      }
    }
    return { manifest: new Manifest(this.#sha256, pages, nextRun), uploads };
  }
}

/** @returns the page with its bytes at hand: it is inline until it is put out. */
async function sealPage(
  sealing: Sealing,
  id: ObjectId,
  { level, entries }: { readonly level: number; readonly entries: readonly SegmentEntry[] },
): Promise<Page> {
  const inline = await encodePage(sealing, id, entries);
  const hash = leafHash(sealing.provider.sha256, inline);
  return { level, id, hash, bytes: inline.length, inline, entries };
}

/** What is wrong within a new page, in words. A page that is kept was checked when it was made or read. */
function faultInside(page: PlannedPage<Page>): string | undefined {
  if (!isNewPage(page)) return undefined;
  const { level, entries } = page;
  if (!Number.isInteger(level) || level < 0 || level > LEVEL_MAX)
    return `expected a level from 0 to ${LEVEL_MAX}, found ${level}`;
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1];
    const fault = entryFault(entry) ?? (before && orderFault(before, entry));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is wrong between pages that are in order in themselves, in words. */
function faultBetween(
  pages: readonly { readonly level: number; readonly entries: readonly SegmentEntry[] }[],
  nextRun: number,
): string | undefined {
  for (const [i, { entries }] of pages.entries()) {
    const first = entries[0]!;
    // The newest run of its level, or one that the page before has.
    if (first.run >= nextRun) return `expected runs below the next, ${nextRun}, found ${first.run}`;
    const before = pages[i - 1]?.entries.at(-1);
    const fault = before && orderFault(before, first);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** The bytes of a page that an object holds: those that the section names, or an error. */
async function fetchNamed(
  sha256: Sha256,
  page: Pick<Page, 'hash' | 'bytes'>,
  name: string,
  object: string,
  fetchPage: (name: string, bytes: number) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array> {
  const found = await readChecked(
    () => fetchPage(name, page.bytes),
    (bytes) => {
      if (bytes.length !== page.bytes || !equalBytes(leafHash(sha256, bytes), page.hash))
        throw corrupt(name, `its hash is not the one that ${object} names`);
      return bytes;
    },
  );
  if (found === undefined) throw missingObject(name, `${object} names it, and it is missing`);
  return found;
}
