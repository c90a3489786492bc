/** What every operation's handler takes and gives. */
import type { DevBucket } from './objects.js';
import type { Quirks } from './quirks.js';
import type { S3Request } from './request.js';
import { S3Error } from './s3-error.js';

export interface HandlerContext {
  readonly buckets: Map<string, DevBucket>;
  readonly quirks: Quirks;
  readonly nowMs: number;
  /** The number of the event that is happening now. */
  readonly sequence: number;
}

export interface S3Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Synchronous, so that no request sees another one half done. */
export type Handler = (context: HandlerContext, request: S3Request, body: Uint8Array) => S3Response;

/** @throws S3Error NoSuchBucket */
export function bucketOf(context: HandlerContext, request: S3Request): DevBucket {
  const bucket = context.buckets.get(request.bucket);
  if (!bucket) {
    throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', {
      BucketName: request.bucket,
    });
  }
  return bucket;
}

export function xmlResponse(xml: string): S3Response {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: xml };
}
