/** Deletes by DeleteObjects, a thousand at a time, and one by one where that does not work. */

import { StoreError } from '@holdfast/object-store';
import { readFailure, storeErrorCode } from './failure.js';
import type { Send } from './send.js';

const keysPerRequestMax = 1000;
const singleDeletesAtOnce = 16;

/** XML 1.0 has no way to write these. */
const notInXml = /[\p{Cc}\ufffe\uffff]/u;

/** @returns whether DeleteObjects is worth trying the next time. */
export async function deleteObjects(
  send: Send,
  prefix: string,
  keys: readonly string[],
  bulk: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let bulkWorks = bulk;
  const single = keys.filter((key) => notInXml.test(key));
  const plain = keys.filter((key) => !notInXml.test(key));
  for (let start = 0; start < plain.length; start += keysPerRequestMax) {
    const page = plain.slice(start, start + keysPerRequestMax);
    if (bulkWorks && page.length > 1) bulkWorks = await deletePage(send, prefix, page, signal);
    if (!bulkWorks || page.length === 1) single.push(...page);
  }
  await deleteSingly(send, prefix, single, signal);
  return bulkWorks;
}

/** @returns false if the server does not do DeleteObjects, and nothing was deleted. */
async function deletePage(
  send: Send,
  prefix: string,
  keys: readonly string[],
  callerSignal: AbortSignal | undefined,
): Promise<boolean> {
  return send('delete', 'DeleteObjects', '', callerSignal, async (requests, signal) => {
    try {
      const names = keys.map((key) => prefix + key);
      const undeleted = await requests.deleteObjects(names, signal);
      const failed = undeleted.find(({ code }) => code !== 'NoSuchKey');
      if (failed) {
        const code = failed.code === 'AccessDenied' ? 'DENIED' : 'UNKNOWN_OUTCOME';
        throw new StoreError(
          code,
          `${undeleted.length} of ${keys.length} objects were not deleted, e.g. ${failed.key}: ${failed.code} ${failed.message ?? ''}`,
        );
      }
      return true;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const failure = readFailure(error);
      // Old servers want an MD5 that is not sent, others don't have the call: any refusal for good
      // is worth the single deletes, which report whatever is really wrong.
      if (storeErrorCode('delete', failure) === 'INVALID' && failure.code !== 'NoSuchBucket') return false;
      throw error;
    }
  });
}

async function deleteSingly(
  send: Send,
  prefix: string,
  keys: readonly string[],
  callerSignal: AbortSignal | undefined,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < keys.length) {
      const key = keys[next++]!;
      await send('delete', 'DeleteObject', key, callerSignal, async (requests, signal) => {
        try {
          await requests.deleteObject(prefix + key, signal);
        } catch (error) {
          const { status, code } = readFailure(error);
          if (status !== 404 || code === 'NoSuchBucket') throw error;
        }
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(singleDeletesAtOnce, keys.length) }, worker));
}
