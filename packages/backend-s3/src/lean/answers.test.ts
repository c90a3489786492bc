import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDeleteResult, readListPage, readVersioning } from './answers.js';
import { escapeText, readXml, textOf } from './xml.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const page = (inner: string) =>
  bytesOf(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`,
  );

test('a page of a listing', async () => {
  const answer = page(`
    <Name>b</Name><Prefix>p/</Prefix><EncodingType>url</EncodingType><KeyCount>2</KeyCount>
    <IsTruncated>true</IsTruncated><NextContinuationToken>1&amp;2==</NextContinuationToken>
    <Contents><Key>p/007</Key><ETag>&quot;1&quot;</ETag><Size>12</Size><Owner><ID>x</ID></Owner></Contents>
    <Contents><Key>p/a%20b</Key><Size>0</Size></Contents>
    <CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes>`);
  expect(await readListPage(answer)).toEqual({
    objects: [
      { key: 'p/007', sizeBytes: 12 },
      { key: 'p/a%20b', sizeBytes: 0 },
    ],
    encoded: true,
    isTruncated: true,
    nextToken: '1&2==',
  });
  expect(await readListPage(page('<IsTruncated>false</IsTruncated>'))).toEqual({
    objects: [],
    encoded: false,
    isTruncated: false,
    nextToken: undefined,
  });
});

test('a size that is none is an error', async () => {
  for (const size of ['', '-1', '1e3', 'x'])
    await expect(readListPage(page(`<Contents><Key>a</Key><Size>${size}</Size></Contents>`))).rejects.toThrow(
      'Size',
    );
});

test('another document is a page that is none', async () => {
  const html = bytesOf('<html><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></html>');
  expect((await readListPage(html)).isTruncated).toBeUndefined();
});

test('what was not deleted, and whether a bucket has versions', async () => {
  const result = `<DeleteResult><Error><Key>a&lt;b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`;
  expect(await readDeleteResult(bytesOf(result))).toEqual([
    { key: 'a<b', code: 'AccessDenied', message: 'no' },
  ]);
  expect(await readDeleteResult(bytesOf('<DeleteResult/>'))).toEqual([]);
  expect(await readVersioning(bytesOf('<VersioningConfiguration/>'))).toBeUndefined();
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  expect(await readVersioning(bytesOf(enabled))).toBe('Enabled');
});

test('of another document nobody knows what was deleted, or has versions', async () => {
  for (const text of ['<Error><Code>InternalError</Code></Error>', '<html/>', '', 'ok']) {
    await expect(readDeleteResult(bytesOf(text))).rejects.toThrow();
    await expect(readVersioning(bytesOf(text))).rejects.toThrow();
  }
});

test('text that is escaped comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (text) => {
      // Which keys are not written in XML, delete-objects.ts says.
      fc.pre(!/[\p{Cc}\ufffe\uffff]/u.test(text));
      expect(textOf(await readXml(bytesOf(`<a><b>${escapeText(text)}</b></a>`)), 'b')).toBe(text);
    }),
  );
});

describe('a hostile document', () => {
  test('has no entities of its own', async () => {
    const laughs = `<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><ListBucketResult><IsTruncated>&b;</IsTruncated></ListBucketResult>`;
    await expect(readListPage(bytesOf(laughs))).rejects.toThrow();
  });

  test('that is nested without end is an error', async () => {
    await expect(readListPage(page('<a>'.repeat(1_000_000)))).rejects.toThrow();
  });

  test('of any bytes is an answer or an error, and sets nothing', async () => {
    const start = fc.constantFrom(
      '<ListBucketResult>',
      '<Error>',
      '<__proto__>',
      '<?xml version="1.0"?>',
      '<!DOCTYPE a>',
      '',
    );
    const part = fc.constantFrom(
      '<Contents><Key>a</Key></Contents>',
      '<IsTruncated>',
      '</',
      '<![CDATA[',
      '&#x0;',
      '&amp;',
      '<__proto__ polluted="1"/>',
    );
    await fc.assert(
      fc.asyncProperty(start, fc.array(fc.oneof(part, fc.string())), async (first, rest) => {
        const found = await readListPage(bytesOf(first + rest.join(''))).catch((error: unknown) => error);
        expect(found instanceof Error || Array.isArray((found as { objects: unknown }).objects)).toBe(true);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
    );
  });
});
