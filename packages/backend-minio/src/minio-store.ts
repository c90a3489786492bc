/**
 * A store in a MinIO server: `s3Store` with path style, the usual port, and MinIO's own environment variables.
 *
 * MinIO before 2025-09-06 created the object when the one named by `ifMatch` was missing; the probe finds out.
 */
import {
  credentialsFromEnvironment,
  type S3Credentials,
  type S3Store,
  type S3StoreOptions,
  s3Store,
} from '@holdfast/backend-s3';
import { StoreError } from '@holdfast/object-store';

export interface MinioStoreOptions
  extends Pick<
    S3StoreOptions,
    'bucket' | 'prefix' | 'region' | 'credentials' | 'requestTimeoutMs' | 'maxSockets' | 'client'
  > {
  /** `http[s]://host:port`; or give `host`. */
  readonly endpoint?: string | undefined;
  /** A name or address, without port. */
  readonly host?: string | undefined;
  /** Default 9000. */
  readonly port?: number | undefined;
  /** Whether to speak HTTPS to `host`. Default true. */
  readonly tls?: boolean | undefined;
}

const variables = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER and MINIO_ROOT_PASSWORD';

/** Throws TypeError for bad options. Nothing is sent before the first call. */
export function minioStore(options: MinioStoreOptions): S3Store {
  const { bucket, prefix, region, credentials, requestTimeoutMs, maxSockets, client } = options;
  const hint = `set ${variables}, or pass credentials`;
  return s3Store({
    bucket,
    prefix,
    region,
    requestTimeoutMs,
    maxSockets,
    client,
    endpoint: endpointOf(options),
    forcePathStyle: true,
    credentials: credentials ?? (async () => minioCredentials(hint)),
    credentialsHint: hint,
  });
}

function endpointOf({ endpoint, host, port, tls }: MinioStoreOptions): string {
  if (endpoint !== undefined) {
    if (host !== undefined || port !== undefined || tls !== undefined) {
      throw new TypeError('minioStore takes endpoint, or host with port and tls, not both');
    }
    return endpoint;
  }
  if (!host) throw new TypeError('minioStore needs endpoint (http://host:port) or host');
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
    throw new TypeError(`port must be a number from 1 to 65535, not ${port}`);
  }
  return `${(tls ?? true) ? 'https' : 'http'}://${host}:${port ?? 9000}`;
}

/**
 * AWS_* first, since an application's user should have fewer rights than root. Profiles and instance roles are
 * not asked: they belong to Amazon, and their secrets have no place in a request to anyone else.
 */
function minioCredentials(hint: string): S3Credentials {
  const found = credentialsFromEnvironment([
    {
      accessKeyId: 'AWS_ACCESS_KEY_ID',
      secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
      sessionToken: 'AWS_SESSION_TOKEN',
    },
    { accessKeyId: 'MINIO_ROOT_USER', secretAccessKey: 'MINIO_ROOT_PASSWORD' },
  ]);
  if (!found) throw new StoreError('DENIED', `There are no credentials for MinIO: ${hint}.`);
  return found;
}
