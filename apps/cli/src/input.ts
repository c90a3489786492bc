/**
 * What users hand in: a file that they name, or standard input.
 *
 * Invariants:
 * - Whatever the system says against it is told with the file's name (failure.ts), never as it comes.
 * - What is read whole has a bound: `/dev/zero` is a mistake, not the end of this machine's memory.
 */
import { closeSync, createReadStream, fstatSync, open as openCallback } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { fileFailure, UsageError } from './failure.js';
import { formatBytes } from './output.js';

export interface Input {
  /** Bytes; undefined: not known. */
  readonly size: number | undefined;
  /** As `stat` has it, for a plain file: who may read and write it. */
  readonly mode: number | undefined;
  readonly chunks: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

const openFile = promisify(openCallback);
const CHUNK_BYTES = 256 * 1024;
const STDIN = 0;

/** @param what goes before its name in messages, such as `the key file`. */
export async function openInput(path: string, what = ''): Promise<Input> {
  const isStdin = path === '-';
  const name = isStdin ? 'standard input' : `${what && `${what} `}${path}`;
  try {
    // Once: what a pipe gives to whoever opens it first is gone.
    const fd = isStdin ? STDIN : await openFile(path, 'r');
    const stats = fstatSync(fd);
    if (stats.isDirectory()) {
      if (!isStdin) closeSync(fd);
      // Node takes a folder on standard input for an empty file.
      throw new UsageError(`Can't read ${name}: it is a folder.`);
    }
    const size = stats.isFile() ? stats.size : undefined;
    const mode = stats.isFile() ? stats.mode : undefined;
    return {
      size,
      mode,
      chunks: (signal) => told(name, addAbortSignal(signal, streamOf(fd, stats.isFIFO()))),
    };
  } catch (error) {
    throw fileFailure('read', name, error);
  }
}

function streamOf(fd: number, isPipe: boolean): Readable {
  if (fd === STDIN) return process.stdin;
  // A file stream that waits for a pipe's writer could not be interrupted.
  return isPipe
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream('', { fd, highWaterMark: CHUNK_BYTES });
}

async function* told(name: string, stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw fileFailure('read', name, error);
  }
}

/** All of it. @throws UsageError where it is longer than `bytesMax`. */
export async function readInput(
  path: string,
  options: { bytesMax: number; signal: AbortSignal; what?: string },
): Promise<{ bytes: Buffer; mode: number | undefined }> {
  const { bytesMax, signal, what } = options;
  const input = await openInput(path, what);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input.chunks(signal)) {
    length += chunk.length;
    if (length > bytesMax)
      throw new UsageError(
        `Expected at most ${formatBytes(bytesMax)} in ${path === '-' ? 'standard input' : path}, found more. Nothing was changed.`,
      );
    parts.push(chunk);
  }
  return { bytes: Buffer.concat(parts, length), mode: input.mode };
}
