/** Decides whether a PutObject may store: S3's conditional writes, and the ways in which providers bend them. */
import type { DevBucket, DevObject } from './objects.js';
import type { Quirks } from './quirks.js';
import type { S3Request } from './request.js';
import { noSuchKey, notImplemented, preconditionFailed, S3Error } from './s3-error.js';

/**
 * Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
 * @throws S3Error if the put must not take effect.
 */
export function checkPutCondition(bucket: DevBucket, request: S3Request, quirks: Quirks): void {
  const ifNoneMatch = request.headers['if-none-match'];
  const ifMatch = request.headers['if-match'];
  const existing = bucket.get(request.key);

  if (quirks.forbidOverwrite !== 'none') {
    const forbidden = request.headers[quirks.forbidOverwrite]?.toLowerCase() === 'true';
    // Documented by both OSS and COS: without effect once versioning is enabled or suspended.
    if (forbidden && existing && bucket.versioning === 'none') {
      throw new S3Error(
        409,
        'FileAlreadyExists',
        'The object you specified already exists and can not be overwritten.',
      );
    }
  }
  if (ifNoneMatch === undefined && ifMatch === undefined) return;
  if (quirks.forbidOverwrite === 'x-oss-forbid-overwrite' || quirks.conditions === 'refuse501') {
    throw notImplemented(ifMatch === undefined ? 'If-None-Match' : 'If-Match');
  }
  if (quirks.conditions === 'ignore') return;
  if (ifNoneMatch !== undefined && ifMatch !== undefined) throw notImplemented('If-Match with If-None-Match');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw notImplemented('If-None-Match with an ETag');
    if (existing) throw lost('If-None-Match', existing, request, quirks);
    return;
  }
  if (!existing) {
    if (quirks.ifMatchMissing === 'create') return;
    throw quirks.ifMatchMissing === 404 ? noSuchKey(request.key) : preconditionFailed('If-Match');
  }
  if (!etagMatches(ifMatch!, existing.etag, quirks)) throw lost('If-Match', existing, request, quirks);
}

function etagMatches(given: string, etag: string, quirks: Quirks): boolean {
  if (given === '*') return true;
  const quoted = given.startsWith('"');
  if (quirks.ifMatchQuoting !== 'any' && quoted !== (quirks.ifMatchQuoting === 'quoted')) return false;
  return (quoted ? given : `"${given}"`) === etag;
}

/** A put that met the winner under way gets the quirk's answer; one that came later, always 412. */
function lost(condition: string, winner: DevObject, request: S3Request, quirks: Quirks): S3Error {
  if (winner.sequence < request.arrival) return preconditionFailed(condition);
  switch (quirks.loserStatus) {
    case 409:
      return new S3Error(
        409,
        'ConditionalRequestConflict',
        'A conflicting operation occurred. If using PutObject you can retry the request.',
        { Condition: condition },
      );
    case 500:
      return new S3Error(500, 'InternalError', 'We encountered an internal error. Please try again.');
    case 412:
      return preconditionFailed(condition);
  }
}
