/**
 * From a location, as users write it, to an object store.
 *
 * Invariants:
 * - Each part of a URL means something or is refused: nothing is passed over.
 * - A path that a URL's reader would shorten (`..`) is refused before it gets to one: what is put in behind a prefix
 *   stays behind it.
 * - A URL's text is in no message: it may hold a secret.
 */
import { HoldfastError } from '@holdfast/core';
import { MemoryStore, type ObjectStore, orAborted, StoreError } from '@holdfast/object-store';
import { folderOf } from './file-location.js';
import {
  BUILT_IN_SCHEMES,
  type BuiltInScheme,
  factoryOf,
  isBuiltIn,
  type LocationFactory,
  type LocationOptions,
  registeredSchemes,
} from './location-registry.js';

/** An object store, or a URL. */
export type Location = ObjectStore | string | URL;

const OPTIONS: readonly string[] = ['credentials', 'signal'];
const CALLS = ['get', 'put', 'delete', 'list'] as const;

/** What each looks like. */
const SHAPES: Readonly<Record<BuiltInScheme, string>> = {
  memory: 'memory:',
  file: 'file:./dir',
  s3: 's3://bucket/prefix',
  minio: 'minio://host:port/bucket/prefix',
  oss: 'oss://bucket/prefix',
};

/** Backends are loaded when a location names them: opening a file must not cost the AWS SDK's start. */
const BUILT_IN: Readonly<
  Record<BuiltInScheme, (text: string, options: LocationOptions) => ObjectStore | Promise<ObjectStore>>
> = {
  memory(text) {
    if (text.length > 'memory:'.length)
      throw new TypeError(
        'memory: has no name and no parameters: each open has its own. To share one, pass a MemoryStore.',
      );
    return new MemoryStore();
  },
  async file(text) {
    const folder = folderOf(text);
    const { FileStore } = await import('@holdfast/object-store/file');
    return new FileStore(folder);
  },
  async s3(text, { credentials }) {
    const { parseS3Url, s3Store } = await import('@holdfast/backend-s3');
    return s3Store({ ...parseS3Url(text), ...(credentials && { credentials }) });
  },
  async minio(text, { credentials }) {
    const { minioStore, parseMinioUrl } = await import('@holdfast/backend-minio');
    return minioStore({ ...parseMinioUrl(text), ...(credentials && { credentials }) });
  },
  async oss(text, { credentials }) {
    const { ossStore, parseOssUrl } = await import('@holdfast/backend-oss');
    return ossStore({ ...parseOssUrl(text), ...(credentials && { credentials }) });
  },
};

/**
 * The object store behind a location.
 * @throws TypeError for one that can't be meant; what the scheme's factory throws.
 */
export async function resolveLocation(
  location: Location,
  options: LocationOptions = {},
): Promise<ObjectStore> {
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name))
      throw new TypeError(
        `resolveLocation: unknown option ${JSON.stringify(name)}: there are ${OPTIONS.join(', ')}.`,
      );
  options.signal?.throwIfAborted();
  if (typeof location === 'object' && location !== null && !isUrl(location)) {
    if (isStore(location)) return location;
    throw new TypeError(
      `Not a location: expected an ObjectStore (capabilities, ${CALLS.join(', ')}) or one of ${shapes()}, found another object.`,
    );
  }
  if (typeof location !== 'string' && !isUrl(location))
    throw new TypeError(
      `Not a location: expected one of ${shapes()}, or an ObjectStore, found ${location === null ? 'null' : typeof location}.`,
    );
  const text = String(location);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined)
    throw new TypeError(
      `Not a location: expected one of ${shapes()}, found ${JSON.stringify(text)}. For a folder write file:${text}.`,
    );
  refuseInvisible(text);
  if (isBuiltIn(scheme)) {
    if (scheme !== 'file') refuseWayOut(text, scheme);
    return BUILT_IN[scheme](text, options);
  }
  const factory = factoryOf(scheme);
  if (factory === undefined)
    throw new TypeError(
      `No such kind of location: expected one of ${shapes()}, found ${scheme}:. To add it, call registerLocation('${scheme}', (url, options) => store) first.`,
    );
  refuseWayOut(text, scheme);
  return byFactory(scheme, factory, text, options);
}

function shapes(): string {
  const added = registeredSchemes().map((scheme) => `${scheme}:`);
  return [...BUILT_IN_SCHEMES.map((scheme) => SHAPES[scheme]), ...added].join(', ');
}

/** Also one of another realm, or of a library that stands in for URL. */
function isUrl(location: unknown): location is URL {
  return location instanceof URL || Object.prototype.toString.call(location) === '[object URL]';
}

function isStore(value: unknown): value is ObjectStore {
  const store = value as Partial<ObjectStore> | null | undefined;
  return (
    typeof store === 'object' &&
    store !== null &&
    CALLS.every((call) => typeof store[call] === 'function') &&
    Boolean(store.capabilities)
  );
}

/** URL's reader drops these without a word, also from between the dots of `..`. */
function refuseInvisible(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
  if (/[\0-\x1f\x7f]|^ | $/.test(text))
    throw new TypeError(
      'A location has a control character, or a space at an end: expected it percent-encoded, such as %20, or left out.',
    );
}

function refuseWayOut(text: string, scheme: string): void {
  const path = text.slice(scheme.length + 1).replace(/[?#].*$/s, '');
  const parts = path.split(/[/\\]|%2f|%5c/i).map((part) => part.replaceAll(/%2e/gi, '.'));
  if (parts.includes('..') || parts.includes('.'))
    throw new TypeError(
      `A ${scheme}: location has a part "." or "..": expected none, since it would lead out of the prefix before it. Write the prefix that is meant.`,
    );
  if (/%00/.test(path)) throw new TypeError(`A ${scheme}: location has %00 in its path: expected no NUL.`);
}

async function byFactory(
  scheme: string,
  factory: LocationFactory,
  text: string,
  options: LocationOptions,
): Promise<ObjectStore> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(
      `Not a URL: expected ${scheme}:, then what its adapter asks for, such as ${scheme}://bucket/prefix.`,
    );
  }
  if (url.password)
    throw new TypeError(
      `A ${scheme}: location must not hold a password, since URLs end up in logs: use options.credentials or the environment.`,
    );
  const store = await untilAborted(callFactory(scheme, factory, url, options), options.signal);
  if (isStore(store)) return store;
  throw new TypeError(
    `registerLocation: the factory of ${scheme}: returned no ObjectStore: expected capabilities, ${CALLS.join(', ')}.`,
  );
}

async function callFactory(
  scheme: string,
  factory: LocationFactory,
  url: URL,
  options: LocationOptions,
): Promise<ObjectStore> {
  try {
    return await factory(url, options);
  } catch (error) {
    const typed = [TypeError, RangeError, HoldfastError, StoreError].some((kind) => error instanceof kind);
    if (typed || options.signal?.aborted) throw error;
    throw new StoreError(
      'INVALID',
      `The adapter of ${scheme}: made no store: ${error instanceof Error ? error.message : typeof error}`,
      { cause: error },
    );
  }
}

/** A store that comes later is closed: nobody else will. */
async function untilAborted(
  made: Promise<ObjectStore>,
  signal: AbortSignal | undefined,
): Promise<ObjectStore> {
  try {
    return await orAborted(made, signal);
  } catch (error) {
    if (signal?.aborted) made.then((store) => store.close?.()).catch(() => {});
    throw error;
  }
}
