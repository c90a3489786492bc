/**
 * What a transaction does to keys, as a record says it (FORMAT.md, "Record").
 *
 * Invariant: a decoded write is a view of what it was read from.
 */
import { type ByteReader, ByteWriter } from '../object/bytes.js';
import type { Entry } from '../segment/entry.js';

/** A key and its new value. */
export interface Write {
  readonly key: Uint8Array;
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** When it begins to read as absent, milliseconds since 1970. */
  readonly expiresMs?: number | undefined;
  /** The value is the descriptor of a stream: see stream.ts. */
  readonly stream?: true | undefined;
}

const FORM_DELETED = 0;
const FORM_VALUE = 1;
const FORM_STREAM = 2;
/** Added to the form of a write that expires. */
const EXPIRES = 16;

export function writeWrite(writer: ByteWriter, { key, value, expiresMs, stream }: Write): void {
  writer.bytes(key);
  if (value === undefined) {
    writer.u8(FORM_DELETED);
    return;
  }
  const form = stream ? FORM_STREAM : FORM_VALUE;
  if (expiresMs === undefined) writer.u8(form);
  else writer.u8(form + EXPIRES).varint(expiresMs);
  writer.bytes(value);
}

export function readWrite(reader: ByteReader): Write {
  const key = reader.bytes();
  return readWriteOf(reader, key, reader.u8());
}

/** What follows a write's key and form. */
export function readWriteOf(reader: ByteReader, key: Uint8Array, form: number): Write {
  if (form === FORM_DELETED) return { key, value: undefined };
  const expires = form >= EXPIRES;
  const kind = expires ? form - EXPIRES : form;
  if (kind !== FORM_VALUE && kind !== FORM_STREAM)
    throw reader.corrupt(`expected a write of form 0, 1, 2, 17 or 18, found ${form}`);
  const expiresMs = expires ? reader.varint() : undefined;
  if (expiresMs === 0) throw reader.corrupt('expected a time of expiry after 1970, found 0');
  const value = reader.bytes();
  return {
    key,
    value,
    ...(expiresMs === undefined ? {} : { expiresMs }),
    ...(kind === FORM_STREAM ? { stream: true as const } : {}),
  };
}

/** Used again by each call: most entries are small. */
const scratch = new ByteWriter(1024);
const SCRATCH_BYTES_MAX = 64 * 1024;

/** One carried entry. @param from what `carryFrom` gives for its record. */
export function encodeEntry(entry: Entry, from: number): Uint8Array {
  const bytes = entry.key.length + (entry.value?.length ?? 0) + 24;
  const writer = bytes > SCRATCH_BYTES_MAX ? new ByteWriter(bytes) : scratch;
  writer.clear();
  writeWrite(writer, entry);
  return writer
    .varint(entry.version - from)
    .varint(entry.order)
    .finish();
}
