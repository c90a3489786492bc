import { constants } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { cutRange } from '../byte-range.js';
import { StoreError } from '../errors.js';
import type { GetOptions } from '../object-store.js';

/** Bytes `[start, end)` of a file of `size` bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

/** @throws StoreError INVALID for a bound, or a range, that is none. */
export function checkBounds({ range, maxBytes }: GetOptions): void {
  cutRange(0, range);
  if (maxBytes !== undefined && !(maxBytes >= 0))
    throw new StoreError(
      'INVALID',
      `maxBytes needs a number of bytes, at least 0; got ${maxBytes}. Nothing was read.`,
    );
}

/**
 * What a get takes of a file: decided from its size alone, before anything is allocated. A sparse file may claim any.
 * @throws StoreError TOO_LARGE beyond `maxBytes`, beyond what one buffer can hold, and for sizes that no number is.
 */
export function spanOf(fileSize: bigint, options: GetOptions, what: string): Span {
  const { range, maxBytes = Number.POSITIVE_INFINITY } = options;
  if (fileSize > Number.MAX_SAFE_INTEGER) throw tooLarge(what, fileSize, Number.MAX_SAFE_INTEGER);
  const size = Number(fileSize);
  const { start, end } = cutRange(size, range);
  const bound = Math.min(maxBytes, constants.MAX_LENGTH);
  if (end - start > bound) throw tooLarge(what, end - start, bound);
  return { start, end, size };
}

// What one read(2) takes at most is a 32-bit number; smaller steps also let an aborted call end soon.
const stepBytes = 64 * 1024 * 1024;

export async function readSpan(
  handle: FileHandle,
  { start, end }: Span,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const length = end - start;
  const bytes = allocate(length, what);
  for (let done = 0; done < length; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, done, Math.min(stepBytes, length - done), start + done);
    if (bytesRead === 0) {
      throw new StoreError(
        'UNAVAILABLE',
        `${what} became shorter while it was read: ${length} bytes expected, ${done} found.`,
      );
    }
    done += bytesRead;
  }
  signal?.throwIfAborted();
  return bytes;
}

function allocate(length: number, what: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    // RangeError: more than this process can have.
    throw new StoreError('TOO_LARGE', `No memory for the ${length} bytes of ${what}. Nothing was read.`, {
      cause,
    });
  }
}

function tooLarge(what: string, found: bigint | number, bound: number): StoreError {
  return new StoreError(
    'TOO_LARGE',
    `${what} has ${found} bytes to read, more than the ${bound} that are taken. Nothing was read. Ask for a range, or for more (maxBytes).`,
  );
}
