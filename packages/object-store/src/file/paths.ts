/**
 * Where an object's file lies: the parts of its key are folders and a file name, unchanged.
 *
 * Invariant: no key leads out of the store's folder, and no two keys lead to one file. What could is refused.
 */
import { join, sep } from 'node:path';
import { StoreError } from '../errors.js';

/** The folders, at the store's top, of files that are still being written: the second where the first is no folder. */
export const tempFolders = ['.tmp', '.tmp-holdfast'] as const;

// NAME_MAX of every usual file system.
const partBytesMax = 255;

/** What Windows does not take in a name, or takes as something else. */
const windowsOnly = /[\\:*?"<>|]|[ .]$/;

/** Whether a name at the store's top stands for one of them: on macOS and Windows `.TMP` does too. */
export function isTempFolder(name: string): boolean {
  const lower = name.toLowerCase();
  return tempFolders.some((folder) => folder === lower);
}

/** Why `key` can't be a file here; undefined: it can. */
function refusal(key: string): string | undefined {
  const parts = key.split('/');
  if (parts.includes('')) return 'it is empty, or begins or ends with "/", or contains "//"';
  if (parts.includes('.') || parts.includes('..')) return 'a part of it is "." or ".."';
  if (isTempFolder(parts[0]!)) return `"${parts[0]}" is where unfinished files are kept`;
  if (key.includes('\0')) return 'it contains NUL';
  // Written as UTF-8, all lone surrogates are the same three bytes.
  if (/\p{Surrogate}/u.test(key)) return 'it is not well-formed Unicode';
  if (parts.some((part) => Buffer.byteLength(part) > partBytesMax)) {
    return `a part of it between "/" is longer than ${partBytesMax} bytes`;
  }
  if (sep === '\\' && parts.some((part) => windowsOnly.test(part))) return 'Windows has no such file name';
  return undefined;
}

/**
 * The file of an object.
 * @throws StoreError INVALID for a key that can't be one.
 */
export function objectPath(root: string, key: string): string {
  const why = refusal(key);
  if (why !== undefined) {
    throw new StoreError('INVALID', `${JSON.stringify(key)} can't be an object key in a folder: ${why}.`);
  }
  return join(root, ...key.split('/'));
}

/** The folder that holds all keys under `prefix` (`''`, or ending in "/"); undefined: no key can be there. */
export function prefixFolder(root: string, prefix: string): string | undefined {
  if (prefix === '') return root;
  return refusal(prefix.slice(0, -1)) === undefined ? join(root, ...prefix.split('/')) : undefined;
}
