/** PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects. */
import { bucketOf, type Handler, type S3Response, xmlResponse } from './handler.js';
import type { DevObject } from './objects.js';
import { checkPutCondition } from './put-condition.js';
import { parseRange } from './range.js';
import type { S3Request } from './request.js';
import { noSuchKey, notImplemented, preconditionFailed, S3Error } from './s3-error.js';
import { element, innerXml, unescapeXml, xmlDocument } from './xml.js';

const keptHeaders =
  /^(content-type|content-language|content-disposition|cache-control|expires|x-amz-meta-.+)$/;

export const putObject: Handler = (context, request, body) => {
  const bucket = bucketOf(context, request);
  checkPutCondition(bucket, request, context.quirks);
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => keptHeaders.test(name)),
  );
  const { nowMs: modifiedMs, sequence } = context;
  const object = bucket.put(request.key, body, { headers, modifiedMs, sequence });
  const versionId = bucket.versioning === 'none' ? {} : { 'x-amz-version-id': String(sequence) };
  return { status: 200, headers: { etag: object.etag, ...versionId } };
};

export const getObject: Handler = (context, request) => {
  const object = bucketOf(context, request).get(request.key);
  if (!object) throw noSuchKey(request.key);
  const headers = {
    'content-type': 'binary/octet-stream',
    ...object.headers,
    etag: object.etag,
    'accept-ranges': 'bytes',
    'last-modified': new Date(object.modifiedMs).toUTCString(),
  };
  if (isUnchanged(object, request)) return { status: 304, headers: { etag: object.etag } };
  const size = object.bytes.length;
  const range = parseRange(request.headers.range, size);
  if (range === 'unsatisfiable') {
    throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: request.headers.range ?? '',
      ActualObjectSize: String(size),
    });
  }
  if (range === undefined) return { status: 200, headers, body: object.bytes };
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end - 1}/${size}` },
    body: object.bytes.subarray(range.start, range.end),
  };
};

/** The conditions of a read (RFC 9110 section 13). @returns whether the answer is 304. */
function isUnchanged(object: DevObject, { headers }: S3Request): boolean {
  const matches = (list: string) =>
    list.split(',').some((entry) => [object.etag, object.etag.slice(1, -1), '*'].includes(entry.trim()));
  const modifiedSeconds = Math.floor(object.modifiedMs / 1000);
  const seconds = (date: string) => Math.floor(Date.parse(date) / 1000);
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  const unmodifiedSince = headers['if-unmodified-since'];
  const modifiedSince = headers['if-modified-since'];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch)) throw preconditionFailed('If-Match');
  } else if (unmodifiedSince !== undefined && modifiedSeconds > seconds(unmodifiedSince)) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch);
  return modifiedSince !== undefined && modifiedSeconds <= seconds(modifiedSince);
}

export const deleteObject: Handler = (context, request) => {
  const bucket = bucketOf(context, request);
  if (request.headers['if-match'] !== undefined) throw notImplemented('If-Match on DELETE');
  bucket.delete(request.key);
  return {
    status: 204,
    ...(bucket.versioning === 'none' ? {} : { headers: { 'x-amz-delete-marker': 'true' } }),
  };
};

export const deleteObjects: Handler = (context, request, body): S3Response => {
  const bucket = bucketOf(context, request);
  if (context.quirks.bulkDelete === 'refuse501') throw notImplemented('DeleteObjects');
  const protectedByHash = Object.keys(request.headers).some(
    (name) => name === 'content-md5' || name.startsWith('x-amz-checksum-'),
  );
  if (!protectedByHash) {
    throw new S3Error(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
  const xml = Buffer.from(body).toString();
  const keys = innerXml(xml, 'Object').map((object) => innerXml(object, 'Key')[0]);
  if (keys.length === 0 || keys.length > 1000 || keys.includes(undefined)) {
    throw new S3Error(
      400,
      'MalformedXML',
      'The XML you provided was not well-formed: 1 to 1000 keys are expected',
    );
  }
  const quiet = innerXml(xml, 'Quiet')[0] === 'true';
  const results = (keys as string[]).map((escaped) => {
    const key = unescapeXml(escaped);
    bucket.delete(key);
    return quiet ? '' : `<Deleted>${element('Key', key)}</Deleted>`;
  });
  return xmlResponse(xmlDocument('DeleteResult', results.join('')));
};
