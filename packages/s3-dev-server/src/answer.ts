/** From a request to its answer: authenticate, decode the body, let the operation happen, report errors. */
import {
  createBucket,
  getBucketVersioning,
  headBucket,
  listBuckets,
  putBucketVersioning,
} from './bucket-handlers.js';
import { decodeBody } from './chunked-body.js';
import type { Handler, HandlerContext, S3Response } from './handler.js';
import { listObjectsV2 } from './list-handler.js';
import { deleteObject, deleteObjects, getObject, putObject } from './object-handlers.js';
import type { OperationName, S3Request } from './request.js';
import { S3Error } from './s3-error.js';
import { type Credentials, verifySignature } from './sigv4.js';
import { element, xmlDocument } from './xml.js';

const handlers: Readonly<Record<OperationName, Handler>> = {
  ListBuckets: listBuckets,
  CreateBucket: createBucket,
  HeadBucket: headBucket,
  GetBucketVersioning: getBucketVersioning,
  PutBucketVersioning: putBucketVersioning,
  ListObjectsV2: listObjectsV2,
  DeleteObjects: deleteObjects,
  PutObject: putObject,
  GetObject: getObject,
  HeadObject: getObject,
  DeleteObject: deleteObject,
};

/** @throws S3Error */
export function answer(
  context: HandlerContext,
  request: S3Request,
  rawBody: Buffer,
  credentials: Credentials,
  region: string,
): S3Response {
  const signing = verifySignature(request, credentials, region, context.nowMs);
  if (context.quirks.trailers === 'refuse' && request.headers['x-amz-trailer'] !== undefined) {
    throw new S3Error(400, 'InvalidArgument', 'aws-chunked encoding with trailers is not supported.');
  }
  const body = decodeBody(rawBody, request.headers, signing);
  return handlers[request.operation](context, request, body);
}

/** The S3 error document; anything but an S3Error is a bug here, answered with 500 and its own words. */
export function errorResponse(
  error: unknown,
  requestId: string,
  path: string,
  emptyBody: boolean,
): S3Response {
  const known =
    error instanceof S3Error ? error : new S3Error(500, 'InternalError', `Bug in the dev server: ${error}`);
  if (emptyBody) return { status: known.status };
  const inner = [
    element('Code', known.code),
    element('Message', known.message),
    ...Object.entries(known.details).map(([name, text]) => element(name, text)),
    element('Resource', path),
    element('RequestId', requestId),
  ];
  const size = known.details.ActualObjectSize;
  return {
    status: known.status,
    headers: {
      'content-type': 'application/xml',
      ...(size === undefined ? {} : { 'content-range': `bytes */${size}` }),
    },
    body: xmlDocument('Error', inner.join(''), false),
  };
}
