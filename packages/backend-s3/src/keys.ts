/**
 * Which names reach the object they name. A key travels in the path of a URL, and what HTTP clients, proxies and
 * servers do to a path there (RFC 3986 section 5.2.4: `..` goes up) leads out of the prefix, or out of the bucket.
 */
import { StoreError } from '@holdfast/object-store';

const unpaired = /\p{Surrogate}/u;

/** What is wrong with a name; undefined: nothing is. */
function faultOf(name: string): string | undefined {
  if (name === '') return 'empty';
  if (unpaired.test(name)) return 'no well-formed text (it has half of a surrogate pair)';
  if (name.startsWith('/')) return 'with a slash at its beginning';
  const parts = name.split('/');
  return parts.includes('..') || parts.includes('.') ? 'with a part "." or ".."' : undefined;
}

/** @throws StoreError INVALID; nothing was sent. */
export function expectKey(key: string): void {
  const fault = faultOf(key);
  if (fault === undefined) return;
  throw new StoreError(
    'INVALID',
    `A key for an S3 server must not be empty, begin with a slash or have a part "." or "..", which may be resolved on the way. Found one that is ${fault}: ${JSON.stringify(key.slice(0, 200))}.`,
  );
}

/**
 * @param prefix as a user gives it; slashes at its ends don't matter.
 * @returns empty, or ending in a slash.
 * @throws TypeError
 */
export function readPrefix(prefix: string): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '');
  if (trimmed === '') return '';
  // An empty part is no danger, but no intent either: a tenant's name that was not set.
  const fault = faultOf(trimmed) ?? (trimmed.includes('//') ? 'with an empty part' : undefined);
  if (fault !== undefined) {
    throw new TypeError(
      `prefix must have parts between slashes, none of them empty, "." or "..": found one that is ${fault}: ${JSON.stringify(prefix)}`,
    );
  }
  return `${trimmed}/`;
}

/** @throws TypeError for what can't be a bucket's name and would be another place in a URL. */
export function expectBucket(bucket: string): void {
  if (bucket && !/[/\\?#%\s\p{Cc}]/u.test(bucket) && bucket !== '.' && bucket !== '..') return;
  throw new TypeError(`bucket must be a bucket's name, not ${JSON.stringify(bucket)}`);
}
