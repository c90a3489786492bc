/**
 * ListObjectsV2, page by page.
 *
 * Invariants:
 * - Where lists are in order, each page begins behind the last key of the one before it.
 * - A continuation token is not followed twice, and pages without objects are followed a bounded number of times: an
 *   honest store may send some.
 * - Objects that were not asked for are left out: they are not ours. So is the marker that a console makes for the
 *   folder of the store itself, which has no name here.
 */
import {
  compareKeys,
  type ListedObject,
  ListingCheck,
  type ListOptions,
  StoreError,
} from '@holdfast/object-store';
import type { Send } from './send.js';

const pageKeysMax = 1000;
const emptyPagesMax = 1000;

/**
 * Names come url-encoded, since XML can't hold every key. Where lists are unordered (S3 Express) neither
 * `start-after` nor prefixes that end within a name exist: more is listed, and sifted here.
 */
export async function* listObjects(
  send: Send,
  storePrefix: string,
  prefix: string,
  ordered: boolean,
  { after, limit = Number.POSITIVE_INFINITY, signal: callerSignal }: ListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  callerSignal?.throwIfAborted();
  const wanted = storePrefix + prefix;
  const asked = ordered ? wanted : wanted.slice(0, wanted.lastIndexOf('/') + 1);
  const check = ordered ? new ListingCheck(wanted, undefined, true) : undefined;
  const tokens = new TokenCheck();
  let startAfter = ordered && after !== undefined ? storePrefix + after : undefined;
  let token: string | undefined;
  let remaining = limit;
  let emptyPages = 0;
  while (remaining > 0) {
    const page = await send('list', 'ListObjectsV2', prefix, callerSignal, (requests, signal) => {
      const query = {
        keysMax: ordered ? Math.min(remaining, pageKeysMax) : pageKeysMax,
        ...(asked === '' ? {} : { prefix: asked }),
        ...(token === undefined ? {} : { token }),
        ...(token !== undefined || startAfter === undefined ? {} : { startAfter }),
      };
      return requests.listObjects(query, signal);
    });
    // Each answer of S3 tells it. A page of HTML, of whoever answers for the store, would be an empty listing.
    if (page.isTruncated === undefined) {
      throw wrong(prefix, 'a ListBucketResult with IsTruncated', 'another document');
    }
    let last: string | undefined;
    for (const { key: name, sizeBytes } of page.objects) {
      if (name === undefined) continue;
      last = page.encoded ? decodeName(name, prefix) : name;
      const isAsked = check ? check.take(last) : last.startsWith(wanted);
      const key = last.slice(storePrefix.length);
      if (!isAsked || key === '' || (after !== undefined && compareKeys(key, after) <= 0)) continue;
      yield { key, size: sizeBytes };
      callerSignal?.throwIfAborted();
      if (--remaining <= 0) return;
    }
    if (!page.isTruncated) return;
    emptyPages = last === undefined ? emptyPages + 1 : 0;
    if (emptyPages > emptyPagesMax) {
      throw new StoreError(
        'TOO_LARGE',
        `The listing of ${prefix} sent ${emptyPages} pages in a row without an object.`,
      );
    }
    token = page.nextToken;
    // A server without tokens goes on from the last key.
    if (token === undefined) {
      if (last === undefined || !ordered)
        throw wrong(prefix, 'a continuation token, since there is more', 'none');
      startAfter = last;
    } else if (tokens.isRepeated(token)) {
      throw wrong(prefix, 'a new continuation token', 'one that it had sent before');
    }
  }
}

/** Finds a cycle of any length and remembers one token (Brent, "An Improved Monte Carlo Factorization", 1980). */
class TokenCheck {
  #kept: string | undefined;
  #since = 0;
  #keepFor = 1;

  isRepeated(token: string): boolean {
    if (token === this.#kept) return true;
    if (++this.#since < this.#keepFor) return false;
    this.#kept = token;
    this.#keepFor *= 2;
    this.#since = 0;
    return false;
  }
}

/** Encoded like a form: a space is a plus sign, or %20. */
function decodeName(name: string, prefix: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    throw wrong(prefix, 'names with percent-encoding', JSON.stringify(name.slice(0, 200)));
  }
}

function wrong(prefix: string, expected: string, found: string): StoreError {
  return new StoreError(
    'INVALID',
    `The listing of ${JSON.stringify(prefix)} is wrong: expected ${expected}, found ${found}. Check that this is the right endpoint, and that nothing on the way answers for it.`,
  );
}
