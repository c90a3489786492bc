/** Byte ranges as the Range header has them (RFC 9110 section 14), and what of an answer was asked for. */
import { cutRange, expectAtMost, type GetOptions, StoreError } from '@holdfast/object-store';

type Range = NonNullable<GetOptions['range']>;

/**
 * The header that asks for `range`, or for a little more: a range that ends before the object's end, counted
 * from its end, does not exist in HTTP, so the whole suffix is asked for.
 * @param range not empty: HTTP has no empty ranges.
 */
export function rangeHeader({ offset, length }: Range): string {
  if (offset < 0) return `bytes=${offset}`;
  return `bytes=${offset}-${Math.min(offset + length, Number.MAX_SAFE_INTEGER) - 1}`;
}

/** What the head of an answer tells. */
export interface AnswerHead {
  readonly contentLength: number | undefined;
  /** Undefined if the server sends the object whole. */
  readonly contentRange: string | undefined;
}

/** What to take of an answer's body. */
export interface BodyPlan {
  readonly skip: number;
  /** Bytes; undefined: all there is, up to the caller's bound. */
  readonly take: number | undefined;
  /** Whether the body goes on behind that: what comes there is not waited for. */
  readonly goesOn: boolean;
  /** Of the whole object; undefined: as long as the body is. */
  readonly size: number | undefined;
}

/**
 * Decides, before anything of the body is taken, which part of it was asked for.
 * @param sizeKnown of the object, if it was asked for: a server that ignores ranges may not say how much it sends.
 * @returns undefined if the answer does not hold the range, or the size is not known: not every server knows suffixes.
 * @throws StoreError UNAVAILABLE if it contradicts itself; TOO_LARGE if what was asked for has more than `maxBytes`.
 */
export function planBody(
  { contentLength, contentRange }: AnswerHead,
  { range, maxBytes }: Pick<GetOptions, 'range' | 'maxBytes'>,
  sizeKnown?: number,
): BodyPlan | undefined {
  if (contentRange === undefined && range === undefined) {
    expectAtMost(contentLength ?? 0, maxBytes);
    return { skip: 0, take: undefined, goesOn: false, size: undefined };
  }
  const sent =
    contentRange === undefined
      ? wholeObject(contentLength ?? sizeKnown)
      : partOf(contentRange, contentLength);
  if (sent === undefined) return undefined;
  const { first, end, size } = sent;
  const wanted = cutRange(size, range, maxBytes);
  if (wanted.start === wanted.end) return { skip: 0, take: 0, goesOn: end > first, size };
  if (wanted.start < first || wanted.end > end) return undefined;
  return { skip: wanted.start - first, take: wanted.end - wanted.start, goesOn: wanted.end < end, size };
}

interface SentPart {
  readonly first: number;
  readonly end: number;
  readonly size: number;
}

function wholeObject(size: number | undefined): SentPart | undefined {
  return size === undefined ? undefined : { first: 0, end: size, size };
}

function partOf(contentRange: string, contentLength: number | undefined): SentPart {
  // MinIO answers a suffix of an empty object with `bytes 0--1/0` rather than with 416.
  const match = /^bytes (\d{1,16})-(-1|\d{1,16})\/(\d{1,16})$/.exec(contentRange);
  if (!match)
    throw wrongAnswer(`a Content-Range with the object's size`, JSON.stringify(contentRange.slice(0, 100)));
  const [first, end, size] = [Number(match[1]), Number(match[2]) + 1, Number(match[3])];
  if (first > end || end > size) throw wrongAnswer('a range of the object', contentRange);
  if (contentLength !== undefined && contentLength !== end - first) {
    throw wrongAnswer(`the ${contentRange} that it announced`, `${contentLength} bytes`);
  }
  return { first, end, size };
}

/** An answer that can't be true: likely cut or spoilt on the way. */
export function wrongAnswer(expected: string, found: string): StoreError {
  return new StoreError('UNAVAILABLE', `The store should have sent ${expected}, but sent ${found}.`);
}
