/** ListBuckets, CreateBucket, HeadBucket, Get/PutBucketVersioning. */
import { bucketOf, type Handler, xmlResponse } from './handler.js';
import { DevBucket } from './objects.js';
import { S3Error } from './s3-error.js';
import { element, innerXml, xmlDocument } from './xml.js';

export const listBuckets: Handler = (context) => {
  const buckets = [...context.buckets.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      ({ name, createdMs }) =>
        `<Bucket>${element('Name', name)}${element('CreationDate', new Date(createdMs).toISOString())}</Bucket>`,
    );
  const owner = `<Owner>${element('ID', 'holdfast')}</Owner>`;
  return xmlResponse(xmlDocument('ListAllMyBucketsResult', `${owner}<Buckets>${buckets.join('')}</Buckets>`));
};

export const createBucket: Handler = (context, request) => {
  const name = request.bucket;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw new S3Error(400, 'InvalidBucketName', 'The specified bucket is not valid.', { BucketName: name });
  }
  if (context.buckets.has(name)) {
    throw new S3Error(
      409,
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      { BucketName: name },
    );
  }
  context.buckets.set(name, new DevBucket(name, context.nowMs, context.quirks.versioning));
  return { status: 200, headers: { location: `/${name}` } };
};

export const headBucket: Handler = (context, request) => {
  bucketOf(context, request);
  return { status: 200 };
};

export const getBucketVersioning: Handler = (context, request) => {
  const { versioning } = bucketOf(context, request);
  const status = versioning === 'enabled' ? 'Enabled' : 'Suspended';
  return xmlResponse(
    xmlDocument('VersioningConfiguration', versioning === 'none' ? '' : element('Status', status)),
  );
};

export const putBucketVersioning: Handler = (context, request, body) => {
  const bucket = bucketOf(context, request);
  const status = innerXml(Buffer.from(body).toString(), 'Status')[0];
  if (status !== 'Enabled' && status !== 'Suspended') {
    throw new S3Error(400, 'MalformedXML', 'The XML you provided was not well-formed: Status is missing');
  }
  bucket.versioning = status === 'Enabled' ? 'enabled' : 'suspended';
  return { status: 200 };
};
