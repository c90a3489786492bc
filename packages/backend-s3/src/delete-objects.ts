/** Deletes by DeleteObjects, a thousand at a time, and one by one where that does not work. */

import { StoreError } from '@holdfast/object-store';
import { boundAnswer } from './bound-answer.js';
import { readFailure, storeErrorCode } from './failure.js';
import type { Place, Send } from './send.js';

const keysPerRequestMax = 1000;
const singleDeletesAtOnce = 16;

/** XML 1.0 has no way to write these. */
const notInXml = /[\p{Cc}\ufffe\uffff]/u;

/** @returns whether DeleteObjects is worth trying the next time. */
export async function deleteObjects(
  send: Send,
  place: Place,
  keys: readonly string[],
  bulk: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let bulkWorks = bulk;
  const single = keys.filter((key) => notInXml.test(key));
  const plain = keys.filter((key) => !notInXml.test(key));
  for (let start = 0; start < plain.length; start += keysPerRequestMax) {
    const page = plain.slice(start, start + keysPerRequestMax);
    if (bulkWorks && page.length > 1) bulkWorks = await deletePage(send, place, page, signal);
    if (!bulkWorks || page.length === 1) single.push(...page);
  }
  await deleteSingly(send, place, single, signal);
  return bulkWorks;
}

/** @returns false if the server does not do DeleteObjects, and nothing was deleted. */
async function deletePage(
  send: Send,
  { bucket, prefix }: Place,
  keys: readonly string[],
  callerSignal: AbortSignal | undefined,
): Promise<boolean> {
  return send('delete', 'DeleteObjects', '', callerSignal, async ({ sdk, client }, signal) => {
    const command = new sdk.DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Quiet: true, Objects: keys.map((key) => ({ Key: prefix + key })) },
    });
    try {
      const bounded = boundAnswer(command, 'parsed', true);
      const { Errors = [] } = await client.send(bounded, { abortSignal: signal });
      const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey');
      if (failed) {
        const code = failed.Code === 'AccessDenied' ? 'DENIED' : 'UNKNOWN_OUTCOME';
        throw new StoreError(
          code,
          `${Errors.length} of ${keys.length} objects were not deleted, e.g. ${failed.Key}: ${failed.Code} ${failed.Message ?? ''}`,
        );
      }
      return true;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const failure = readFailure(error);
      // Old servers want an MD5 that the SDK no longer sends, others don't have the call: any refusal for good
      // is worth the single deletes, which report whatever is really wrong.
      if (storeErrorCode('delete', failure) === 'INVALID' && failure.code !== 'NoSuchBucket') return false;
      throw error;
    }
  });
}

async function deleteSingly(
  send: Send,
  { bucket, prefix }: Place,
  keys: readonly string[],
  callerSignal: AbortSignal | undefined,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < keys.length) {
      const key = keys[next++]!;
      await send('delete', 'DeleteObject', key, callerSignal, async ({ sdk, client }, signal) => {
        try {
          const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: prefix + key });
          await client.send(boundAnswer(command, 'unused'), { abortSignal: signal });
        } catch (error) {
          const { status, code } = readFailure(error);
          if (status !== 404 || code === 'NoSuchBucket') throw error;
        }
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(singleDeletesAtOnce, keys.length) }, worker));
}
