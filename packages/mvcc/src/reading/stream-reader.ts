/**
 * Reads a stream's bytes: part after part, piece after piece, as they are asked for.
 *
 * Invariants:
 * - It shows what its view showed when it was opened, whatever is written meanwhile.
 * - A descriptor names parts that its view's manifest has; each is the part that the descriptor says, or it is CORRUPT.
 * - Up to 1 MiB is read ahead, and a window of as much is in memory that it comes from.
 */
import {
  corrupt,
  decodeStream,
  isUint8Array,
  objectName,
  SEGMENT_PREFIX,
  type SegmentEntry,
  streamPartBytes,
  toHex,
} from '@holdfast/core';
import { type CallOptions, onAbort } from '@holdfast/object-store';
import { kindOf } from '../context/call-options.js';
import type { Lifetime } from '../context/lifetime.js';
import { alive } from '../state/alive.js';
import type { TailEntry } from '../state/tail.js';
import type { View } from '../state/view.js';
import { userValueOf } from './entry-reader.js';

/** Pieces of 64 KiB: what is taken of a window while the next one is fetched. */
const CHUNKS_AHEAD = 16;

/** A stream's parts where they lie, in order. */
interface StreamParts {
  readonly length: number;
  readonly segments: readonly SegmentEntry[];
}

/**
 * @param descriptor the value of the key's entry in `view`.
 * @throws HoldfastError CORRUPT where the view's manifest lacks one of them.
 */
export function partsOf(view: View, key: Uint8Array, descriptor: Uint8Array): StreamParts {
  const named = `the stream with key ${toHex(key)}`;
  const { length, parts } = decodeStream(descriptor, `The descriptor of ${named}`);
  const segments = parts.map((id, i) => {
    const segment = view.manifest.parts.get(toHex(id));
    if (segment) return segment;
    throw corrupt(
      objectName(SEGMENT_PREFIX, id),
      `expected it in the manifest of version ${view.version}, because ${named} names it as its part ${i}, found none`,
    );
  });
  return { length, segments };
}

/**
 * What a key holds, as a stream. Undefined: nothing.
 * @param key the stored key.
 * @param found its newest write in `view`.
 * @throws TypeError for a value that is neither a stream nor bytes; HoldfastError CORRUPT.
 */
export function openStream(
  view: View,
  key: Uint8Array,
  found: TailEntry | undefined,
  nowMs: number,
  lifetime: Lifetime,
  calls: CallOptions,
): ReadableStream<Uint8Array> | undefined {
  const live = alive(found, nowMs);
  if (!live) return undefined;
  if (live.stream) {
    const parts = partsOf(view, key, live.value);
    return asWebStream((o) => piecesOf(view, key, parts, o), lifetime, calls);
  }
  const value = userValueOf(live);
  if (!isUint8Array(value))
    throw new TypeError(
      `getStream: expected a stream or bytes there, found ${Array.isArray(value) ? 'an array' : kindOf(value)}. Use get() to read it.`,
    );
  return asWebStream(() => oneChunk(value), lifetime, calls);
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}

async function* piecesOf(
  view: View,
  key: Uint8Array,
  { length, segments }: StreamParts,
  o: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (const [i, segment] of segments.entries()) {
      const part = await view.reader(segment).streamPart(key, streamPartBytes({ length }, i), o);
      yield* part.pieces(o);
    }
  } catch (error) {
    return view.failed(error);
  }
}

/** @param open begins to read when the first chunk is asked for. */
function asWebStream(
  open: (o: CallOptions) => AsyncGenerator<Uint8Array, void, undefined>,
  lifetime: Lifetime,
  { signal, meter }: CallOptions,
): ReadableStream<Uint8Array> {
  // Of this stream alone: who cancels it does not wait for what it has asked for.
  const stop = new AbortController();
  const steps = lifetime.iterate(open({ signal: stop.signal, meter }));
  let leave = (): void => {};
  const end = (reason: unknown): void => {
    leave();
    stop.abort(reason);
    steps.return().catch(() => {});
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        leave = onAbort(signal, () => {
          controller.error(signal!.reason);
          end(signal!.reason);
        });
      },
      async pull(controller) {
        try {
          const { done, value } = await steps.next();
          // It was aborted meanwhile, and has said so.
          if (stop.signal.aborted) return;
          if (done) {
            leave();
            controller.close();
          } else controller.enqueue(value);
        } catch (error) {
          leave();
          throw error;
        }
      },
      cancel: end,
    },
    { highWaterMark: CHUNKS_AHEAD },
  );
}
