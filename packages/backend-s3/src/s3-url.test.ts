import { expect, test } from 'vitest';
import { parseS3Url } from './s3-url.js';

test('an S3 URL gives the options of s3Store', () => {
  expect(parseS3Url('s3://my_Bucket.name/a/b/')).toEqual({ bucket: 'my_Bucket.name', prefix: 'a/b' });
  expect(
    parseS3Url(
      's3://state?region=eu-west-1&endpoint=http://localhost:9000&pathStyle=1&ifMatch=unquoted&client=sdk',
    ),
  ).toEqual({
    bucket: 'state',
    region: 'eu-west-1',
    endpoint: 'http://localhost:9000',
    forcePathStyle: true,
    ifMatchQuoting: 'unquoted',
    client: 'sdk',
  });
  expect(parseS3Url('s3://state/with%20space%23').prefix).toBe('with space#');
});

test.each([
  ['s3://id:secret@state/db', 'environment'],
  ['s3:///db', 'bucket is missing'],
  ['s3://state/db?reigon=eu-west-1', 'unknown parameter reigon in a s3: URL; there are region, endpoint'],
  ['s3://state/db?client=curl', 'client must be lean or sdk'],
  ['s3://state/db?region=a&region=b', 'given twice'],
  ['s3://state/db?pathStyle=yes', 'pathStyle must be 1 or 0'],
  ['s3://state/db?ifMatch=x', 'quoted or unquoted'],
  ['s3://state/db#1', '%23'],
  ['s3://state/%ff', 'percent-encoding'],
  ['s3://state/tenants/..', 'must not have a part . or ..'],
  ['s3://state/tenants/../other', 'must not have a part . or ..'],
  ['s3://state/tenants/%2e%2E/other', 'must not have a part . or ..'],
  ['s3://state/tenants/.%2e', 'must not have a part . or ..'],
  ['s3://state/tenants%2f..%2Fother', 'must not have a part . or ..'],
  ['s3://state/tenants/.\t./other', 'tabs or line breaks'],
  ['s3://state/./db', 'must not have a part . or ..'],
  ['s3://%ff/db', 'percent-encoding'],
  ['minio://state/db', 'expected s3://bucket/prefix'],
  ['state', 'not a URL'],
])('%s is refused with words that help', (url, words) => {
  expect(() => parseS3Url(url)).toThrow(TypeError);
  expect(() => parseS3Url(url)).toThrow(words);
});

test('a refused URL never shows its secret', () => {
  for (const url of ['s3://id:secret@state/db', 'http://id:secret@state/db', 's3://id:secret@[']) {
    let message = '';
    try {
      parseS3Url(url);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toBe('');
    expect(message).not.toContain('secret');
  }
});

test('dots in names, and in parameters, are dots', () => {
  expect(parseS3Url('s3://state/a..b/...?endpoint=http://localhost:1/../x')).toMatchObject({
    prefix: 'a..b/...',
    endpoint: 'http://localhost:1/../x',
  });
});
