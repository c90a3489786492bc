/** ListObjectsV2, page by page. */
import { compareKeys, type ListedObject, type ListOptions } from '@holdfast/object-store';
import type { Place, Send } from './send.js';

const pageKeysMax = 1000;

/**
 * Names come url-encoded, since XML can't hold every key. Where lists are unordered (S3 Express) neither
 * `start-after` nor prefixes that end within a name exist: more is listed, and sifted here.
 */
export async function* listObjects(
  send: Send,
  place: Place,
  prefix: string,
  ordered: boolean,
  { after, limit = Number.POSITIVE_INFINITY, signal: callerSignal }: ListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  callerSignal?.throwIfAborted();
  const wanted = place.prefix + prefix;
  const asked = ordered ? wanted : wanted.slice(0, wanted.lastIndexOf('/') + 1);
  let startAfter = ordered && after !== undefined ? place.prefix + after : undefined;
  let token: string | undefined;
  let remaining = limit;
  while (remaining > 0) {
    const page = await send('list', 'ListObjectsV2', prefix, callerSignal, ({ sdk, client }, signal) =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: place.bucket,
          EncodingType: 'url',
          MaxKeys: ordered ? Math.min(remaining, pageKeysMax) : pageKeysMax,
          ...(asked === '' ? {} : { Prefix: asked }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(token !== undefined || startAfter === undefined ? {} : { StartAfter: startAfter }),
        }),
        { abortSignal: signal },
      ),
    );
    let last: string | undefined;
    for (const { Key, Size = 0 } of page.Contents ?? []) {
      if (Key === undefined) continue;
      last = page.EncodingType === 'url' ? decodeName(Key) : Key;
      if (!last.startsWith(wanted)) continue;
      const key = last.slice(place.prefix.length);
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      yield { key, size: Size };
      callerSignal?.throwIfAborted();
      if (--remaining <= 0) return;
    }
    if (!page.IsTruncated) return;
    token = page.NextContinuationToken;
    // A server without tokens goes on from the last key; one without either would be asked for ever.
    if (token === undefined) {
      if (last === undefined || !ordered) return;
      startAfter = last;
    }
  }
}

/** Encoded like a form: a space is a plus sign, or %20. */
function decodeName(name: string): string {
  return decodeURIComponent(name.replaceAll('+', ' '));
}
