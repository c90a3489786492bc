/** `minio://host:port/bucket/prefix?tls=0` */
import { clientOf, flagOf, readStoreUrl } from '@holdfast/backend-s3';
import type { MinioStoreOptions } from './minio-store.js';

const shape = 'minio://host:port/bucket/prefix?tls=0';

/**
 * Parameters: `tls` (1 or 0, default 1); `region`; `client` (`lean` or `sdk`). The port is 9000 unless given.
 * @throws TypeError for a URL that is not like this, or that holds credentials.
 */
export function parseMinioUrl(url: string | URL): MinioStoreOptions {
  const { host, path, parameters } = readStoreUrl(url, 'minio', shape, ['tls', 'region', 'client']);
  const [bucket = '', ...prefix] = path.split('/');
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  if (name === '') throw new TypeError(`the host is missing: expected ${shape}`);
  if (bucket === '') throw new TypeError(`the bucket is missing: expected ${shape}`);
  const tls = flagOf(parameters, 'tls');
  const region = parameters.get('region');
  const client = clientOf(parameters);
  return {
    host: name,
    bucket,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(prefix.length === 0 ? {} : { prefix: prefix.join('/') }),
    ...(tls === undefined ? {} : { tls }),
    ...(region ? { region } : {}),
    ...(client === undefined ? {} : { client }),
  };
}
