/** ListObjectsV2: in key order, or with the quirk `unorderedList` in one that has nothing to do with it. */
import { bucketOf, type Handler, xmlResponse } from './handler.js';
import type { DevBucket } from './objects.js';
import { S3Error } from './s3-error.js';
import { sha256Hex } from './sigv4.js';
import { element, xmlDocument } from './xml.js';

/** As S3 encodes with encoding-type=url: like a form, but with the slashes kept. */
function encodeName(name: string): string {
  return new URLSearchParams([['', name]]).toString().slice(1).replaceAll('%2F', '/');
}

function compareUtf8(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** The keys and common prefixes of a listing, in the order in which pages go through them. */
function entriesOf(
  bucket: DevBucket,
  prefix: string,
  delimiter: string,
): { name: string; isPrefix: boolean }[] {
  const entries = new Map<string, { name: string; isPrefix: boolean }>();
  for (const key of bucket.keys()) {
    if (!key.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = cut < 0 ? key : key.slice(0, cut + delimiter.length);
    entries.set(name, { name, isPrefix: cut >= 0 });
  }
  return [...entries.values()];
}

export const listObjectsV2: Handler = (context, request) => {
  const bucket = bucketOf(context, request);
  const { query } = request;
  const { unorderedList, listing } = context.quirks;
  if (listing === 'html') {
    const body = '<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in.</body></html>';
    return { status: 200, headers: { 'content-type': 'text/html' }, body };
  }
  const prefix = query.get('prefix') ?? '';
  const startAfter = query.get('start-after') ?? '';
  const token = listing === 'repeats' ? null : query.get('continuation-token');
  const encodingType = query.get('encoding-type');
  const maxKeys = Number(query.get('max-keys') ?? 1000);
  if (!Number.isInteger(maxKeys) || maxKeys < 0) {
    throw new S3Error(400, 'InvalidArgument', 'Provided max-keys not an integer or within integer range');
  }
  if (encodingType !== null && encodingType !== 'url') {
    throw new S3Error(400, 'InvalidArgument', 'Invalid Encoding Method specified in Request');
  }
  if (unorderedList && ((prefix !== '' && !prefix.endsWith('/')) || startAfter !== '')) {
    throw new S3Error(400, 'InvalidRequest', 'Prefixes must end in / and start-after is not supported here');
  }
  const pageSize = Math.min(maxKeys, 1000);
  const encode = encodingType === 'url' ? encodeName : (name: string) => name;

  let entries = entriesOf(bucket, listing === 'ignores-prefix' ? '' : prefix, query.get('delimiter') ?? '');
  const place = unorderedList ? sha256Hex : (name: string) => name;
  if (unorderedList) entries = entries.sort((a, b) => (place(a.name) < place(b.name) ? -1 : 1));
  const after = token === null ? startAfter : Buffer.from(token, 'base64url').toString();
  if (after !== '') entries = entries.filter(({ name }) => compareUtf8(place(name), after) > 0);
  const page = listing === 'empty' ? [] : entries.slice(0, pageSize);
  const last = page.at(-1)?.name ?? '';
  if (listing === 'reversed') page.reverse();
  const truncated =
    listing === 'empty' || listing === 'repeats' || (pageSize > 0 && entries.length > page.length);
  // Of pages without objects each has another one.
  const next = listing === 'empty' ? `page ${context.sequence}` : place(last);

  const contents = page.map(({ name, isPrefix }) => {
    if (isPrefix) return `<CommonPrefixes>${element('Prefix', encode(name))}</CommonPrefixes>`;
    const object = bucket.get(name)!;
    return `<Contents>${element('Key', encode(name))}${element('LastModified', new Date(object.modifiedMs).toISOString())}${element('ETag', object.etag)}${element('Size', object.bytes.length)}${element('StorageClass', 'STANDARD')}</Contents>`;
  });
  const head = [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    startAfter === '' ? '' : element('StartAfter', encode(startAfter)),
    token === null ? '' : element('ContinuationToken', token),
    truncated ? element('NextContinuationToken', Buffer.from(next).toString('base64url')) : '',
    element('KeyCount', page.length),
    element('MaxKeys', maxKeys),
    encodingType === null ? '' : element('EncodingType', encodingType),
    element('IsTruncated', truncated),
  ];
  return xmlResponse(xmlDocument('ListBucketResult', head.join('') + contents.join('')));
};
