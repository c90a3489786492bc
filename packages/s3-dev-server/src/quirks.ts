/** The ways in which providers differ from S3, each of which the server can imitate. */
import type { Fault } from './faults.js';
import type { LoggedRequest } from './request.js';

export interface Quirks {
  /** What `If-None-Match` and `If-Match` on a PUT do. Default `honour`. */
  readonly conditions: 'honour' | 'ignore' | 'refuse501';
  /** How an ETag must be written in a PUT's `If-Match` to match: Ceph and Spaces want it unquoted. */
  readonly ifMatchQuoting: 'any' | 'quoted' | 'unquoted';
  /** The answer to `If-Match` when there is no object: 404 (S3), 412 (Ceph), or it is made (MinIO < 2025-09). */
  readonly ifMatchMissing: 404 | 412 | 'create';
  /** The answer to a condition lost to a PUT that took effect while this one was under way. */
  readonly loserStatus: 412 | 409 | 500;
  /** A header that makes a PUT create-only unless the bucket is versioned. With OSS's, If-* is refused. */
  readonly forbidOverwrite: 'x-oss-forbid-overwrite' | 'x-cos-forbid-overwrite' | 'none';
  /** Versioning of every bucket, those to come included; a client may change a bucket's afterwards. */
  readonly versioning: 'none' | 'enabled' | 'suspended';
  /** Lists in an arbitrary order, without `start-after`, prefixes ending in `/` only (S3 Express). */
  readonly unorderedList: boolean;
  /**
   * What is wrong with listings: `repeats` its first page (continuation tokens are ignored), keys are `reversed` in
   * each page, pages are `empty` and never the last, the `prefix` is ignored, it is `html` (a login page).
   */
  readonly listing: 'right' | 'repeats' | 'reversed' | 'empty' | 'ignores-prefix' | 'html';
  /** Whether DeleteObjects exists. */
  readonly bulkDelete: 'honour' | 'refuse501';
  /** Whether chunked bodies may have trailers (OSS: no). */
  readonly trailers: 'honour' | 'refuse';
  /** Error answers have a status but no body (Ceph 16.2 is close to it). */
  readonly emptyErrorBodies: boolean;
  /** Milliseconds between the arrival of a request and its effect. */
  readonly latencyMs: number;
  /** Asked for every request before `faults.next`; undefined: no fault. */
  readonly fault: ((request: LoggedRequest) => Fault | undefined) | undefined;
}

export const plainS3: Quirks = {
  conditions: 'honour',
  ifMatchQuoting: 'any',
  ifMatchMissing: 404,
  loserStatus: 412,
  forbidOverwrite: 'none',
  versioning: 'none',
  unorderedList: false,
  listing: 'right',
  bulkDelete: 'honour',
  trailers: 'honour',
  emptyErrorBodies: false,
  latencyMs: 0,
  fault: undefined,
};

/** Imitations of providers, from their documents or from a real server; pass one as `quirks`. */
export const providers: {
  readonly minio: Partial<Quirks>;
  readonly minioBefore202509: Partial<Quirks>;
  readonly ceph16: Partial<Quirks>;
  readonly oss: Partial<Quirks>;
  readonly cos: Partial<Quirks>;
  readonly garage: Partial<Quirks>;
  readonly backblaze: Partial<Quirks>;
} = {
  minio: {},
  minioBefore202509: { ifMatchMissing: 'create' },
  ceph16: {
    ifMatchQuoting: 'unquoted',
    ifMatchMissing: 412,
    loserStatus: 500,
    emptyErrorBodies: true,
  },
  oss: { forbidOverwrite: 'x-oss-forbid-overwrite', trailers: 'refuse' },
  cos: { forbidOverwrite: 'x-cos-forbid-overwrite', conditions: 'ignore' },
  garage: { conditions: 'ignore' },
  backblaze: { conditions: 'refuse501' },
};
