/** GetObject, with ranges that HTTP does not have or that a server does not serve made from ones that are. */
import { cutRange, type GetOptions, type StoredObject, StoreError } from '@holdfast/object-store';
import { readFailure } from './failure.js';
import { cutAnswer, rangeHeader } from './range-read.js';
import type { Place, Send } from './send.js';

type Range = GetOptions['range'];

/** More than enough for an object that is replaced now and then. */
const attemptsMax = 3;

export async function readObject(
  send: Send,
  place: Place,
  key: string,
  { range, signal }: GetOptions,
): Promise<StoredObject | undefined> {
  cutRange(0, range); // Refuses what is no range.
  if (range?.length === 0) return headObject(send, place, key, signal);
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const answer = await getObject(send, place, key, range, signal);
    if (answer !== 'not served') return answer;
    // A refusal tells neither the ETag nor, everywhere, the size; and some servers get suffixes wrong.
    const head = await headObject(send, place, key, signal);
    if (head === undefined) return undefined;
    const { start, end } = cutRange(head.size, range);
    if (start === end) return head;
    const absolute = await getObject(send, place, key, { offset: start, length: end - start }, signal);
    if (absolute === undefined) return undefined;
    if (absolute !== 'not served' && absolute.etag === head.etag) return absolute;
  }
  throw new StoreError(
    'UNAVAILABLE',
    `${key} was replaced each of ${attemptsMax} times while it was read, or the store does not serve ranges; try again.`,
  );
}

async function getObject(
  send: Send,
  { bucket, prefix }: Place,
  key: string,
  range: Range,
  callerSignal: AbortSignal | undefined,
): Promise<StoredObject | 'not served' | undefined> {
  return send('get', 'GetObject', key, callerSignal, async ({ sdk, client }, signal) => {
    const command = new sdk.GetObjectCommand({
      Bucket: bucket,
      Key: prefix + key,
      ...(range === undefined ? {} : { Range: rangeHeader(range) }),
    });
    try {
      const answer = await client.send(command, { abortSignal: signal });
      const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
      if (answer.ContentLength !== undefined && answer.ContentLength !== body.length) {
        throw new StoreError(
          'UNAVAILABLE',
          `${key} ended after ${body.length} of ${answer.ContentLength} bytes; try again.`,
        );
      }
      const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
      const cut = cutAnswer(bytes, answer.ContentRange, range);
      return cut ? { ...cut, etag: etagOf(answer.ETag, 'UNAVAILABLE', key) } : 'not served';
    } catch (error) {
      const { status, code } = readFailure(error);
      if (status === 416) return 'not served';
      if (status === 404 && code !== 'NoSuchBucket') return undefined;
      throw error;
    }
  });
}

/** The object without its bytes. */
async function headObject(
  send: Send,
  { bucket, prefix }: Place,
  key: string,
  callerSignal: AbortSignal | undefined,
): Promise<StoredObject | undefined> {
  return send('get', 'HeadObject', key, callerSignal, async ({ sdk, client }, signal) => {
    try {
      const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: prefix + key });
      const { ETag, ContentLength = 0 } = await client.send(command, { abortSignal: signal });
      return { bytes: new Uint8Array(0), etag: etagOf(ETag, 'UNAVAILABLE', key), size: ContentLength };
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
