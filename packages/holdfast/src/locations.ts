/** From a location, as users write it, to an object store. */
import { MemoryStore, type ObjectStore } from '@holdfast/object-store';

/** An object store, or a URL. */
export type Location = ObjectStore | string | URL;

export interface LocationOptions {
  /** For S3-like stores. Default: the platform's usual environment variables. Never taken from the URL. */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
}

const CALLS = ['get', 'put', 'delete', 'list'] as const;
const SCHEMES =
  'memory:, file:./dir, s3://bucket/prefix, minio://host:port/bucket/prefix, oss://bucket/prefix';

/** Backends are loaded when a location names them: opening a file must not cost the AWS SDK's start. */
export async function resolveLocation(
  location: Location,
  options: LocationOptions = {},
): Promise<ObjectStore> {
  if (typeof location === 'object' && location !== null && !(location instanceof URL)) {
    if (CALLS.every((call) => typeof location[call] === 'function') && location.capabilities) return location;
    throw new TypeError(
      `Not a location: expected an ObjectStore (capabilities, ${CALLS.join(', ')}) or one of ${SCHEMES}, found another object.`,
    );
  }
  if (typeof location !== 'string' && !(location instanceof URL))
    throw new TypeError(
      `Not a location: expected one of ${SCHEMES}, or an ObjectStore, found ${location === null ? 'null' : typeof location}.`,
    );
  const text = String(location);
  const { credentials } = options;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'memory':
      return new MemoryStore();
    case 'file': {
      const { FileStore } = await import('@holdfast/object-store/file');
      return new FileStore(filePath(text));
    }
    case 's3': {
      const { parseS3Url, s3Store } = await import('@holdfast/backend-s3');
      return s3Store({ ...parseS3Url(text), ...(credentials && { credentials }) });
    }
    case 'minio': {
      const { minioStore, parseMinioUrl } = await import('@holdfast/backend-minio');
      return minioStore({ ...parseMinioUrl(text), ...(credentials && { credentials }) });
    }
    case 'oss': {
      const { ossStore, parseOssUrl } = await import('@holdfast/backend-oss');
      return ossStore({ ...parseOssUrl(text), ...(credentials && { credentials }) });
    }
    default:
      throw new TypeError(
        scheme === undefined
          ? `Not a location: expected one of ${SCHEMES}, found ${JSON.stringify(text)}. For a folder write file:${text}.`
          : `No such kind of location: expected one of ${SCHEMES}, found ${scheme}:.`,
      );
  }
}

/** `file:./dir` and `file:dir` are relative to the working folder, `file:/dir` and `file:///dir` absolute. */
function filePath(text: string): string {
  const path = text.slice('file:'.length);
  if (path.startsWith('//')) {
    const url = new URL(text);
    if (url.host !== '' && url.host !== 'localhost')
      throw new TypeError(
        `A file: location has no host: expected file:./dir or file:///dir, found host ${url.host}.`,
      );
    try {
      return decodeURIComponent(url.pathname);
    } catch {
      throw new TypeError(
        'A file: URL has bad percent-encoding: expected % and two hex digits for a byte of UTF-8.',
      );
    }
  }
  if (path === '') throw new TypeError('A file: location needs a folder: expected file:./dir, found file:.');
  return path;
}
