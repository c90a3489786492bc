/** What `s3Store` takes. */
import type { S3Client } from '@aws-sdk/client-s3';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Asked again whenever the ones it gave have expired. */
export type S3CredentialsProvider = () => Promise<S3Credentials & { readonly expiration?: Date | undefined }>;

export interface S3StoreOptions {
  readonly bucket: string;
  /** Where in the bucket; slashes at its ends don't matter. Default: the whole bucket. */
  readonly prefix?: string | undefined;
  /** Default: AWS_REGION or AWS_DEFAULT_REGION; with an `endpoint`, else `us-east-1`. */
  readonly region?: string | undefined;
  /** `https://host[:port]` of a server that is not Amazon's. Default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL. */
  readonly endpoint?: string | undefined;
  /** Default: the AWS SDK's chain (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, profiles, instance roles). */
  readonly credentials?: S3Credentials | S3CredentialsProvider | undefined;
  /** `host/bucket/key` instead of `bucket.host/key`. Default: true if there is an `endpoint`. */
  readonly forcePathStyle?: boolean | undefined;
  /** How ETags are written in `If-Match`. Ceph 16.2 and DigitalOcean Spaces want them unquoted. Default `quoted`. */
  readonly ifMatchQuoting?: 'quoted' | 'unquoted' | undefined;
  /** Milliseconds until a request, its body included, is given up. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Connections kept open at most; requests beyond wait for one. Default 128. */
  readonly maxSockets?: number | undefined;
  /**
   * What sends the requests: a signer over kept connections (`lean`), the AWS SDK (`sdk`), or a client of the SDK's that
   * is yours, must have `maxAttempts: 1`, and is not closed. Default: `lean`; `sdk` where it alone knows how, which is
   * S3 Express, ARNs, FIPS and dual-stack endpoints, and regions outside of aws and aws-cn.
   */
  readonly client?: 'lean' | 'sdk' | S3Client | undefined;
  /** Whether lists are in key order. Default: true but for S3 Express buckets (`…--x-s3`). */
  readonly orderedList?: boolean | undefined;
  /** Whether to try DeleteObjects before single deletes. Default true. */
  readonly bulkDelete?: boolean | undefined;
  /** A header, sent as `true`, that makes a put create-only where `If-None-Match` does not exist (OSS, COS). */
  readonly createOnlyHeader?: string | undefined;
  /** What a DENIED error tells its reader to set; for presets whose environment has other names. */
  readonly credentialsHint?: string | undefined;
}
