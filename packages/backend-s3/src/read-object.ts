/** GetObject, with ranges that HTTP does not have or that a server does not serve made from ones that are. */
import {
  cutRange,
  expectAtMost,
  type GetOptions,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';
import { readFailure } from './failure.js';
import { planBody, rangeHeader, wrongAnswer } from './range-read.js';
import type { ObjectAnswer } from './requests.js';
import type { Send } from './send.js';
import { giveUp, takeBody } from './take-body.js';

/** More than enough for an object that is replaced now and then. */
const attemptsMax = 3;

export async function readObject(
  send: Send,
  prefix: string,
  key: string,
  options: GetOptions,
): Promise<StoredObject | undefined> {
  const { range, maxBytes, signal } = options;
  // Refuses what is no range, and no bound.
  cutRange(0, range);
  expectAtMost(0, maxBytes);
  if (range?.length === 0) return headObject(send, prefix, key, signal);
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const answer = await getObject(send, prefix, key, options);
    if (answer !== 'not served') return answer;
    // A refusal tells neither the ETag nor, everywhere, the size; and some servers get suffixes wrong.
    const head = await headObject(send, prefix, key, signal);
    if (head === undefined) return undefined;
    const { start, end } = cutRange(head.size, range, maxBytes);
    if (start === end) return head;
    const absolute = { ...options, range: { offset: start, length: end - start } };
    const found = await getObject(send, prefix, key, absolute, head.size);
    if (found === undefined) return undefined;
    if (found !== 'not served' && found.etag === head.etag) return found;
  }
  throw new StoreError(
    'UNAVAILABLE',
    `${key} was replaced each of ${attemptsMax} times while it was read, or the store does not serve ranges; try again.`,
  );
}

async function getObject(
  send: Send,
  prefix: string,
  key: string,
  options: GetOptions,
  sizeKnown?: number,
): Promise<StoredObject | 'not served' | undefined> {
  const { range, signal: callerSignal } = options;
  return send('get', 'GetObject', key, callerSignal, async (requests, signal) => {
    try {
      const header = range === undefined ? undefined : rangeHeader(range);
      const answer = await requests.getObject(prefix + key, header, signal);
      return await takeAnswer(answer, key, options, sizeKnown);
    } catch (error) {
      const { status, code, isPage } = readFailure(error);
      if (status === 416) return 'not served';
      // A gateway's page says nothing of the object, and missing is never taken for absent.
      if (status === 404 && code !== 'NoSuchBucket' && !isPage) return undefined;
      throw error;
    }
  });
}

async function takeAnswer(
  answer: ObjectAnswer,
  key: string,
  options: GetOptions,
  sizeKnown: number | undefined,
): Promise<StoredObject | 'not served'> {
  const { contentLength, contentRange, body } = answer;
  try {
    const plan = planBody({ contentLength, contentRange }, options, sizeKnown);
    if (plan === undefined) return 'not served';
    const { skip, take, goesOn } = plan;
    const max = take ?? options.maxBytes ?? Number.POSITIVE_INFINITY;
    const { bytes, more } = await takeBody(body, {
      skip,
      max,
      announced: take ?? contentLength,
      stop: goesOn,
    });
    if (more) throw tooLong(key, max);
    const expected = take ?? contentLength;
    if (expected !== undefined && bytes.length !== expected) {
      throw wrongAnswer(`${expected} bytes of ${key}`, `only ${bytes.length}`);
    }
    const { etag, modifiedMs } = answer;
    return {
      bytes,
      size: plan.size ?? bytes.length,
      etag: etagOf(etag, 'UNAVAILABLE', key),
      ...(modifiedMs !== undefined && { modifiedMs }),
    };
  } finally {
    // Nothing is left of one that was read to its end; whatever else happened, the store is not listened to further.
    await giveUp(body);
  }
}

function tooLong(key: string, max: number): StoreError {
  return new StoreError(
    'TOO_LARGE',
    `The store went on sending ${key} after the ${max} bytes that its reader takes at most.`,
  );
}

/** The object without its bytes. */
async function headObject(
  send: Send,
  prefix: string,
  key: string,
  callerSignal: AbortSignal | undefined,
): Promise<StoredObject | undefined> {
  return send('get', 'HeadObject', key, callerSignal, async (requests, signal) => {
    try {
      const { etag, contentLength = 0, modifiedMs } = await requests.headObject(prefix + key, signal);
      const bytes = new Uint8Array(0);
      return { bytes, etag: etagOf(etag, 'UNAVAILABLE', key), size: contentLength, modifiedMs };
    } catch (error) {
      if (readFailure(error).status === 404) return undefined;
      throw error;
    }
  });
}

/** @param code what a missing ETag is: every answer of S3 has one. */
export function etagOf(
  etag: string | undefined,
  code: 'UNAVAILABLE' | 'UNKNOWN_OUTCOME',
  key: string,
): string {
  if (etag) return etag;
  throw new StoreError(code, `The store answered without an ETag for ${key}, which every S3 answer has.`);
}
