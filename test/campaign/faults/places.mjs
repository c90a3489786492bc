/** The store that a process of the campaign talks to. */
import { minioStore } from '@holdfast/backend-minio';
import { s3Store } from '@holdfast/backend-s3';

/**
 * @typedef {object} Place
 * @property {'minio' | 'ceph'} kind
 * @property {string} endpoint
 * @property {string} bucket
 * @property {string} region
 * @property {string} prefix
 * @property {string} accessKeyId
 * @property {string} secretAccessKey
 * @property {'lean' | 'sdk'} [client] see S3StoreOptions
 */

/** @param {Place} place @param {number} [requestTimeoutMs] */
export function storeAt(place, requestTimeoutMs) {
  const { kind, endpoint, bucket, region, prefix, accessKeyId, secretAccessKey, client } = place;
  const options = {
    ...{ endpoint, bucket, region, prefix, client, credentials: { accessKeyId, secretAccessKey } },
    ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
  };
  // Ceph 16.2 compares the quotes of an ETag too.
  return kind === 'minio' ? minioStore(options) : s3Store({ ...options, ifMatchQuoting: 'unquoted' });
}
