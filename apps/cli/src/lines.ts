/**
 * Bytes to lines.
 *
 * Invariants:
 * - At most one line is held in memory, and none over `maxBytes`: of a longer one only its number is told.
 * - Every byte belongs to one line; the last one needs no newline.
 */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its \n; a \r before that is kept. Undefined: longer than the maximum. */
  readonly bytes: Uint8Array | undefined;
}

const NEWLINE = 10;

/** Yields what each chunk completes. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Line[], void, undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const take = (last: Uint8Array): Line => {
    length += last.length;
    const whole = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    const bytes = length <= maxBytes ? whole : undefined;
    parts = [];
    length = 0;
    return { number: number++, bytes };
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      lines.push(take(chunk.subarray(at, end)));
      at = end + 1;
    }
    const rest = chunk.subarray(at);
    length += rest.length;
    if (length > maxBytes) parts = [];
    else if (rest.length > 0) parts.push(rest);
    if (lines.length > 0) yield lines;
  }
  if (length > 0) {
    // `take` counts what it is given; the parts are counted already.
    yield [take(new Uint8Array(0))];
  }
}
