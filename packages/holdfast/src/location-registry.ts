/**
 * Kinds of locations that others add: a scheme, and what makes an object store of a URL of it.
 *
 * Invariant: a scheme stands for one factory for as long as the process lives, whatever was imported first. So the
 * built-in ones can't be taken, and neither can one that somebody else has.
 */
import type { ObjectStore } from '@holdfast/object-store';

export interface LocationOptions {
  /** For S3-like stores. Default: the platform's usual environment variables. Never taken from the URL. */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
  /** Ends waiting for the store to be made. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the object store of a URL. It should refuse parameters that it does not know, and a `..` in the path never
 * gets to it. An ObjectStore that it returns is closed together with its database.
 */
export type LocationFactory = (url: URL, options: LocationOptions) => ObjectStore | Promise<ObjectStore>;

export const BUILT_IN_SCHEMES = ['memory', 'file', 's3', 'minio', 'oss'] as const;
export type BuiltInScheme = (typeof BUILT_IN_SCHEMES)[number];

// In the process and not in this module: an adapter may bring a copy of this package that is not the application's.
const PLACE = Symbol.for('holdfast.locations.1');

function registered(): Map<string, LocationFactory> {
  const place = globalThis as { [PLACE]?: Map<string, LocationFactory> };
  place[PLACE] ??= new Map();
  return place[PLACE];
}

/**
 * Makes `open()` and `resolveLocation()` take URLs of `scheme`, in this whole process.
 * @param scheme without the colon: a small letter, then small letters, digits, `+`, `-` or `.`; at least two.
 * @throws TypeError for something else, for a scheme that is built in, and for one that has another factory.
 */
export function registerLocation(scheme: string, factory: LocationFactory): void {
  // One letter would be a drive of Windows.
  if (typeof scheme !== 'string' || !/^[a-z][a-z0-9+.-]+$/.test(scheme))
    throw new TypeError(
      `registerLocation: expected a scheme without its colon, two or more of a-z, 0-9, "+", "-" and ".", a letter first, found ${typeof scheme === 'string' ? JSON.stringify(scheme) : typeof scheme}.`,
    );
  if (typeof factory !== 'function')
    throw new TypeError(
      `registerLocation: expected a function (url, options) => ObjectStore for ${scheme}:, found ${typeof factory}.`,
    );
  if (isBuiltIn(scheme))
    throw new TypeError(`registerLocation: ${scheme}: is built in. Choose another scheme.`);
  const known = registered().get(scheme);
  if (known !== undefined && known !== factory)
    throw new TypeError(
      `registerLocation: ${scheme}: has another factory already. Register it once, or choose another scheme.`,
    );
  registered().set(scheme, factory);
}

export function isBuiltIn(scheme: string): scheme is BuiltInScheme {
  return (BUILT_IN_SCHEMES as readonly string[]).includes(scheme);
}

export function factoryOf(scheme: string): LocationFactory | undefined {
  return registered().get(scheme);
}

/** Schemes that were added, for messages. */
export function registeredSchemes(): string[] {
  return [...registered().keys()];
}
