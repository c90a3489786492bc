/** `oss://bucket/prefix?region=…` */
import { clientOf, flagOf, readStoreUrl } from '@holdfast/backend-s3';
import type { OssStoreOptions } from './oss-store.js';

const shape = 'oss://bucket/prefix?region=cn-hangzhou';

/**
 * Parameters: `region` (required); `internal` (1 or 0, default 0); `endpoint` (a URL); `client`
 * (`lean` or `sdk`).
 * @throws TypeError for a URL that is not like this, or that holds credentials.
 */
export function parseOssUrl(url: string | URL): OssStoreOptions {
  const { host, path, parameters } = readStoreUrl(url, 'oss', shape, [
    'region',
    'internal',
    'endpoint',
    'client',
  ]);
  if (host === '') throw new TypeError(`the bucket is missing: expected ${shape}`);
  const region = parameters.get('region');
  if (!region) throw new TypeError(`the region is missing: expected ${shape}`);
  const internal = flagOf(parameters, 'internal');
  const endpoint = parameters.get('endpoint');
  const client = clientOf(parameters);
  return {
    bucket: host,
    region,
    ...(path === '' ? {} : { prefix: path }),
    ...(internal === undefined ? {} : { internal }),
    ...(endpoint ? { endpoint } : {}),
    ...(client === undefined ? {} : { client }),
  };
}
