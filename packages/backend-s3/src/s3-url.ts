/** `s3://bucket/prefix?region=…&endpoint=…` */
import type { S3StoreOptions } from './options.js';
import { clientOf, flagOf, readStoreUrl } from './store-url.js';

const shape = 's3://bucket/prefix?region=…&endpoint=…';

/**
 * Parameters: `region`; `endpoint` (a URL); `pathStyle` (1 or 0); `ifMatch` (`quoted` or `unquoted`); `client` (`lean`
 * or `sdk`).
 * @throws TypeError for a URL that is not like this, or that holds credentials.
 */
export function parseS3Url(url: string | URL): S3StoreOptions {
  const known = ['region', 'endpoint', 'pathStyle', 'ifMatch', 'client'];
  const { host, path, parameters } = readStoreUrl(url, 's3', shape, known);
  if (host === '') throw new TypeError(`the bucket is missing: expected ${shape}`);
  const ifMatchQuoting = parameters.get('ifMatch');
  if (ifMatchQuoting !== undefined && ifMatchQuoting !== 'quoted' && ifMatchQuoting !== 'unquoted') {
    throw new TypeError(`parameter ifMatch must be quoted or unquoted, not ${ifMatchQuoting}`);
  }
  const client = clientOf(parameters);
  const forcePathStyle = flagOf(parameters, 'pathStyle');
  const region = parameters.get('region');
  const endpoint = parameters.get('endpoint');
  return {
    bucket: host,
    ...(path === '' ? {} : { prefix: path }),
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
    ...(ifMatchQuoting === undefined ? {} : { ifMatchQuoting }),
    ...(client === undefined ? {} : { client }),
  };
}
