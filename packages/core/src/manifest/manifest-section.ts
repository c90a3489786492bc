/**
 * The clear manifest section of a record: which pages there are, of which levels, and where they lie (FORMAT.md,
 * "Manifest section"). Needs no key.
 *
 * Invariants:
 * - The pages' levels ascend. Only the first page may be inline, and only if it is of level 0.
 * - A section that was read has the Merkle root that its record names.
 */
import { HASH_BYTES, leafHash, merkleRoot, type Sha256 } from '../merkle/merkle.js';
import { ByteReader, ByteWriter, equalBytes } from '../object/bytes.js';
import { ENVELOPE_BYTES } from '../object/envelope.js';
import { corrupt } from '../object/errors.js';
import { OBJECT_ID_BYTES, type ObjectId } from '../object/names.js';
import { PAGE_BYTES_MAX } from './page.js';

/** What the clear section says of a page. */
export interface PageRef {
  readonly level: number;
  readonly id: ObjectId | undefined;
  readonly hash: Uint8Array;
  readonly bytes: number;
  readonly inline: Uint8Array | undefined;
}

/** What is written of a page whose id is known. */
type NamedPage = PageRef & { readonly id: ObjectId };

/** Level, form, and what the shorter form has: an id, the shortest size, a hash. */
const PAGE_REF_BYTES_MIN = 2 + OBJECT_ID_BYTES + 1 + HASH_BYTES;

export function encodeManifestSection(pages: readonly NamedPage[], nextRun: number): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(nextRun).varint(pages.length);
  for (const { level, id, hash, bytes, inline } of pages) {
    writer.u8(level);
    if (inline) writer.u8(0).bytes(inline);
    else writer.u8(1).raw(id).varint(bytes).raw(hash);
  }
  return writer.finish();
}

/** The section, checked against its Merkle root. What it yields are views of `section`. */
export function readManifestSection(
  sha256: Sha256,
  section: Uint8Array,
  root: Uint8Array,
  object: string,
): { refs: PageRef[]; nextRun: number } {
  const reader = new ByteReader(section, `${object} (manifest)`);
  const nextRun = reader.varint();
  if (nextRun === 0) throw reader.corrupt('expected a next run from 1, found 0');
  const refs: PageRef[] = [];
  for (let left = reader.count(PAGE_REF_BYTES_MIN); left > 0; left--)
    refs.push(readRef(sha256, reader, refs.at(-1)));
  reader.end();
  const found = merkleRoot(
    sha256,
    refs.map((ref) => ref.hash),
  );
  if (!equalBytes(found, root)) throw corrupt(object, 'its manifest root is not that of its pages');
  return { refs, nextRun };
}

function readRef(sha256: Sha256, reader: ByteReader, before: PageRef | undefined): PageRef {
  const level = reader.u8();
  if (before && before.level > level)
    throw reader.corrupt(`expected the levels of pages to ascend, found ${level} after ${before.level}`);
  const form = reader.u8();
  if (form === 0) {
    if (before || level !== 0)
      throw reader.corrupt(
        `expected inline bytes of the first page only, and of level 0, found those of ${before ? 'another page' : `level ${level}`}`,
      );
    const inline = reader.bytes();
    if (inline.length < ENVELOPE_BYTES || inline.length > PAGE_BYTES_MAX)
      throw reader.corrupt(
        `expected a page of ${ENVELOPE_BYTES} to ${PAGE_BYTES_MAX} bytes, found ${inline.length}`,
      );
    return { level, id: undefined, hash: leafHash(sha256, inline), bytes: inline.length, inline };
  }
  if (form !== 1) throw reader.corrupt(`expected page form 0 or 1, found ${form}`);
  const id = reader.raw(OBJECT_ID_BYTES);
  const bytes = reader.varint();
  if (bytes > PAGE_BYTES_MAX)
    throw reader.corrupt(`expected a page of at most ${PAGE_BYTES_MAX} bytes, found ${bytes}`);
  return { level, id, bytes, hash: reader.raw(HASH_BYTES), inline: undefined };
}
