/**
 * Takes bodies of answers as they arrive, and no more of them than is wanted.
 *
 * Invariants:
 * - Memory is bounded by `max`, whatever length was announced and in however small pieces it comes.
 * - A body that is not taken to its end is given up: its connection is closed, so it can't go on behind our back.
 */

export interface TakenBody {
  /** At most `max`, in an array of its own; none if there was more. */
  readonly bytes: Uint8Array;
  /** Whether the body went on behind `max`; false if `stop` was asked for. */
  readonly more: boolean;
}

export interface TakeOptions {
  /** How many bytes are passed over first. None unless given. */
  readonly skip?: number;
  /** How many are kept at most; may be Infinity. */
  readonly max: number;
  /** How many there will be, if that was announced: saves copies. */
  readonly announced?: number | undefined;
  /** Don't look for an end behind the last one that is kept. */
  readonly stop?: boolean;
}

/** What an announcement alone makes us set aside. */
const believedMax = 8 * 1024 * 1024;
const blockMax = 1024 * 1024;

/** @param body as an HTTP client gives it: a stream of Node or of the platform, a Blob, bytes, or nothing. */
export async function takeBody(body: unknown, options: TakeOptions): Promise<TakenBody> {
  const taking = new Taking(options);
  if (options.stop && options.max === 0) {
    await giveUp(body);
    return taking.end();
  }
  if (isNodeStream(body)) return takeNodeStream(body, taking);
  for await (const chunk of chunksOf(body)) {
    const taken = taking.take(chunk);
    if (taken !== undefined) return taken;
  }
  return taking.end();
}

/** How far one body has been taken. */
class Taking {
  readonly #kept: GrowingBytes;
  readonly #max: number;
  readonly #stop: boolean;
  #toSkip: number;

  constructor({ skip = 0, max, announced = 0, stop = false }: TakeOptions) {
    this.#kept = new GrowingBytes(Math.min(announced, max, believedMax));
    this.#max = max;
    this.#stop = stop;
    this.#toSkip = skip;
  }

  /** @returns what was taken, if nothing behind this piece is wanted. */
  take(chunk: Uint8Array): TakenBody | undefined {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    const room = this.#max - this.#kept.length;
    const wanted = chunk.subarray(skipped);
    if (wanted.length > room && !this.#stop) return { bytes: new Uint8Array(0), more: true };
    this.#kept.append(wanted.subarray(0, room));
    return this.#stop && this.#kept.length === this.#max ? this.end() : undefined;
  }

  end(): TakenBody {
    return { bytes: this.#kept.whole(), more: false };
  }
}

/** The part of Node's streams that is used here. */
interface NodeStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
  readonly errored?: Error | null;
}

function isNodeStream(body: unknown): body is NodeStream {
  const stream = body as Partial<NodeStream> | null | undefined;
  return typeof stream?.on === 'function' && typeof stream.destroy === 'function';
}

/** By its events: to iterate over it costs as much as the rest of a small request. */
function takeNodeStream(stream: NodeStream, taking: Taking): Promise<TakenBody> {
  return new Promise((resolve, reject) => {
    const broken = (): void => reject(stream.errored ?? new Error('the body ended before its end'));
    if (stream.destroyed) return broken();
    // The listeners stay: what is told after the end must not end the process.
    stream.on('error', reject);
    stream.on('close', broken);
    stream.on('end', () => resolve(taking.end()));
    stream.on('data', (chunk) => {
      const taken = taking.take(chunk);
      if (taken === undefined) return;
      resolve(taken);
      stream.destroy();
    });
  });
}

/** Closes the connection of a body that nobody reads. */
export async function giveUp(body: unknown): Promise<void> {
  const stream = body as { destroy?(): unknown; cancel?(): Promise<void> } | undefined;
  if (typeof stream?.destroy === 'function') stream.destroy();
  else if (typeof stream?.cancel === 'function') await stream.cancel().catch(() => undefined);
}

/** Leaving the loop early ends the stream: that of Node is destroyed, that of the platform is cancelled. */
async function* chunksOf(body: unknown): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === undefined || body === null) return;
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  const source = body as {
    [Symbol.asyncIterator]?: unknown;
    getReader?(): ReadableStreamDefaultReader<Uint8Array>;
    stream?(): unknown;
  };
  if (typeof source[Symbol.asyncIterator] === 'function') yield* body as AsyncIterable<Uint8Array>;
  else if (typeof source.getReader === 'function') yield* readerChunks(source.getReader());
  else if (typeof source.stream === 'function') yield* chunksOf(source.stream());
  else throw new TypeError('The body of the answer is no stream that is known here.');
}

/** Where streams of the platform can't be iterated over (Safari). */
async function* readerChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = false;
  try {
    for (;;) {
      const result = await reader.read();
      if (result.done) {
        done = true;
        return;
      }
      yield result.value;
    }
  } finally {
    if (!done) await reader.cancel().catch(() => undefined);
  }
}

/**
 * Copies at once: a piece of one byte is a view that holds a buffer, and a body may come in millions of them. Kept in
 * blocks that are put together at the end alone: one that grew by copies would cost its reader twice what it keeps.
 */
class GrowingBytes {
  readonly #full: Uint8Array[] = [];
  #block: Uint8Array;
  /** How much of the block is taken. */
  #taken = 0;
  #length = 0;

  constructor(capacity: number) {
    this.#block = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array): void {
    this.#length += chunk.length;
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#taken === this.#block.length) {
        if (this.#taken > 0) this.#full.push(this.#block);
        // As long as all so far, so that a short body costs little and a long one few blocks.
        const before = this.#length - rest.length;
        this.#block = new Uint8Array(Math.min(Math.max(before, rest.length), blockMax));
        this.#taken = 0;
      }
      const fitting = rest.subarray(0, this.#block.length - this.#taken);
      this.#block.set(fitting, this.#taken);
      this.#taken += fitting.length;
      rest = rest.subarray(fitting.length);
    }
  }

  whole(): Uint8Array {
    if (this.#full.length === 0)
      return this.#taken === this.#block.length ? this.#block : this.#block.slice(0, this.#taken);
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const block of [...this.#full, this.#block.subarray(0, this.#taken)]) {
      whole.set(block, at);
      at += block.length;
    }
    return whole;
  }
}
