/**
 * The manifest: every live segment, newest first, cut into sealed pages under one Merkle root.
 * FORMAT.md, "Manifest section".
 *
 * Invariants:
 * - A page is sealed once. Inline in a record or alone under `man/`, its bytes and its hash are the same.
 * - Only the first page may be inline; the others are objects that were durable before a record named them (I3).
 */

import { leafHash, merkleRoot } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, copyBytes, equalBytes, toHex } from '../object/bytes.js';
import { readChecked } from '../object/checked-read.js';
import { ENVELOPE_BYTES, type Sealing } from '../object/envelope.js';
import { corrupt } from '../object/errors.js';
import { OBJECT_ID_BYTES, type ObjectId, objectName, PAGE_PREFIX } from '../object/names.js';
import type { SegmentEntry } from '../segment/segment-entry.js';
import { decodePage, encodePage, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX } from './page.js';

/** A page this large stays in the record; the next one that would grow past it starts a new page. */
const INLINE_BYTES_MAX = 8 * 1024;
/** What a segment with keys of ordinary length adds to a page, at most. */
const ENTRY_BYTES = 160;
/** The same but for its keys. */
const ENTRY_BYTES_BESIDE_KEYS = 120;

interface Page {
  readonly id: ObjectId;
  readonly hash: Uint8Array;
  readonly bytes: number;
  /** Present where the page travels in the record. */
  readonly inline?: Uint8Array | undefined;
  readonly entries: readonly SegmentEntry[];
}

/** A page that must be durable before a record may name it. */
export interface PageUpload {
  readonly id: ObjectId;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the clear section says of a page. */
export interface PageRef {
  readonly id: ObjectId | undefined;
  readonly hash: Uint8Array;
  readonly bytes: number;
  readonly inline: Uint8Array | undefined;
}

type Sha256 = Sealing['provider']['sha256'];

export class Manifest {
  readonly #pages: readonly Page[];
  /** The number that the next run gets; runs are numbered from 1 in the order of their making. */
  readonly nextRun: number;
  /** Merkle root over the pages. */
  readonly root: Uint8Array;
  /** What goes into a record. */
  readonly section: Uint8Array;
  /** Every live segment, newest first. */
  readonly entries: readonly SegmentEntry[];

  private constructor(sha256: Sha256, pages: readonly Page[], nextRun: number) {
    this.#pages = pages;
    this.nextRun = nextRun;
    this.root = merkleRoot(
      sha256,
      pages.map((page) => page.hash),
    );
    this.section = encodeSection(pages, nextRun);
    this.entries = pages.flatMap((page) => page.entries);
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
        // Copies: they outlive the record that the section is a view of.
        const hash = copyBytes(ref.hash);
        const inline = ref.inline && copyBytes(ref.inline);
        const id = inline ? inline.subarray(24, 48) : copyBytes(ref.id!);
        const page = { id, hash, bytes: ref.bytes, inline };
        const same = knownPages.get(toHex(hash));
        if (same && same.bytes === ref.bytes && equalBytes(same.id, id))
          return { ...page, entries: same.entries };
        const name = inline ? `${object} (inline manifest page)` : objectName(PAGE_PREFIX, id);
        const bytes = inline ?? (await fetchNamed(sha256, page, name, object, fetchPage));
        return { ...page, entries: await decodePage(sealing, bytes, name, signal) };
      }),
    );
    return new Manifest(sha256, pages, nextRun);
  }

  /** The names of the pages that are objects. */
  pageNames(): string[] {
    return this.#pages.flatMap((page) => (page.inline ? [] : [objectName(PAGE_PREFIX, page.id)]));
  }

  /**
   * The manifest with one more run, the newest.
   * @param run its segments in key order, placed as run `nextRun`.
   * @param newId makes the id of a page.
   * @returns also the pages that must be durable before the record is sent.
   */
  async withRun(
    sealing: Sealing,
    run: readonly SegmentEntry[],
    newId: () => ObjectId,
  ): Promise<{ manifest: Manifest; uploads: PageUpload[] }> {
    const { sha256 } = sealing.provider;
    const uploads: PageUpload[] = [];
    const seal = async (entries: readonly SegmentEntry[]): Promise<Page & { inline: Uint8Array }> => {
      const id = newId();
      const bytes = await encodePage(sealing, id, entries);
      return { id, hash: leafHash(sha256, bytes), bytes: bytes.length, inline: bytes, entries };
    };
    const spill = (page: Page & { inline: Uint8Array }): Page => {
      uploads.push({ id: page.id, name: objectName(PAGE_PREFIX, page.id), bytes: page.inline });
      return { id: page.id, hash: page.hash, bytes: page.bytes, entries: page.entries };
    };
    const [head, ...older] = this.#pages;
    let pages: Page[];
    if (head?.inline && head.bytes + roomFor(run) <= INLINE_BYTES_MAX) {
      pages = [await seal([...run, ...head.entries]), ...older];
    } else {
      const rest = head?.inline ? [spill({ ...head, inline: head.inline }), ...older] : [...this.#pages];
      const fresh: Page[] = [];
      for (let start = 0; start < run.length; start += PAGE_ENTRIES_MAX) {
        const page = await seal(run.slice(start, start + PAGE_ENTRIES_MAX));
        fresh.push(start === 0 && page.bytes <= INLINE_BYTES_MAX ? page : spill(page));
      }
      pages = [...fresh, ...rest];
    }
    return { manifest: new Manifest(sha256, pages, this.nextRun + 1), uploads };
  }
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
  if (found === undefined) throw corrupt(name, `${object} names it, and it is missing`);
  return found;
}

/** What these segments add to a page, at most. */
function roomFor(run: readonly SegmentEntry[]): number {
  let bytes = 0;
  for (const { firstKey, lastKey } of run)
    bytes += Math.max(ENTRY_BYTES, ENTRY_BYTES_BESIDE_KEYS + firstKey.length + lastKey.length);
  return bytes;
}

function encodeSection(pages: readonly Page[], nextRun: number): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(nextRun).varint(pages.length);
  for (const page of pages) {
    if (page.inline) writer.u8(0).bytes(page.inline);
    else writer.u8(1).raw(page.id).varint(page.bytes).raw(page.hash);
  }
  return writer.finish();
}

/** The clear manifest section of a record, checked against its Merkle root; needs no key. */
export function readManifestSection(
  sha256: Sha256,
  section: Uint8Array,
  root: Uint8Array,
  object: string,
): { refs: PageRef[]; nextRun: number } {
  const reader = new ByteReader(section, `${object} (manifest)`);
  const nextRun = reader.varint();
  const refs: PageRef[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const form = reader.u8();
    if (form === 0) {
      const inline = reader.bytes();
      if (inline.length < ENVELOPE_BYTES)
        throw reader.corrupt(`expected a page of ${ENVELOPE_BYTES} bytes or more, found ${inline.length}`);
      refs.push({ id: undefined, hash: leafHash(sha256, inline), bytes: inline.length, inline });
    } else if (form === 1) {
      const id = reader.raw(OBJECT_ID_BYTES);
      const bytes = reader.varint();
      if (bytes > PAGE_BYTES_MAX)
        throw reader.corrupt(`expected a page of at most ${PAGE_BYTES_MAX} bytes, found ${bytes}`);
      refs.push({ id, bytes, hash: reader.raw(32), inline: undefined });
    } else throw reader.corrupt(`expected page form 0 or 1, found ${form}`);
  }
  reader.end();
  const found = merkleRoot(
    sha256,
    refs.map((ref) => ref.hash),
  );
  if (!equalBytes(found, root)) throw corrupt(object, 'its manifest root is not that of its pages');
  return { refs, nextRun };
}
