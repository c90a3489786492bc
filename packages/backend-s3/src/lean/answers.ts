/** What the documents of S3's answers say. */
import type { ListPage, Undeleted } from '../requests.js';
import { elementsOf, readXml, textOf } from './xml.js';

/** Of another document: a page that is no ListBucketResult. */
export async function readListPage(bytes: Uint8Array): Promise<ListPage> {
  const root = await readXml(bytes);
  const isTruncated = root.name === 'ListBucketResult' ? textOf(root, 'IsTruncated') : undefined;
  return {
    objects: elementsOf(root, 'Contents').map((entry) => ({
      key: textOf(entry, 'Key'),
      sizeBytes: sizeOf(textOf(entry, 'Size')),
    })),
    encoded: textOf(root, 'EncodingType') === 'url',
    isTruncated: isTruncated === undefined ? undefined : isTruncated.trim() === 'true',
    nextToken: textOf(root, 'NextContinuationToken') || undefined,
  };
}

function sizeOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,16}$/.test(text))
    throw new Error(`expected a Size in bytes, found ${JSON.stringify(text.slice(0, 100))}`);
  return Number(text);
}

/** @throws Error for another document: nobody knows then what was deleted. */
export async function readDeleteResult(bytes: Uint8Array): Promise<Undeleted[]> {
  const root = await readXml(bytes);
  if (root.name !== 'DeleteResult')
    throw new Error(`expected a DeleteResult, found ${root.name.slice(0, 100)}`);
  return elementsOf(root, 'Error').map((entry) => ({
    key: textOf(entry, 'Key'),
    code: textOf(entry, 'Code'),
    message: textOf(entry, 'Message'),
  }));
}

export async function readVersioning(bytes: Uint8Array): Promise<string | undefined> {
  const root = await readXml(bytes);
  if (root.name !== 'VersioningConfiguration')
    throw new Error(`expected a VersioningConfiguration, found ${root.name.slice(0, 100)}`);
  return textOf(root, 'Status') || undefined;
}
