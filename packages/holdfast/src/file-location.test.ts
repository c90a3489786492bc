import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { folderOf } from './file-location.js';

test.each([
  ['file:./dir', './dir'],
  ['file:dir', 'dir'],
  ['file:.', '.'],
  ['file:../dir', '../dir'],
  ['file:./../../dir', './../../dir'],
  ['file:/dir', '/dir'],
  ['file:///dir/', '/dir/'],
  ['file://localhost/dir', '/dir'],
  ['FILE:///dir', '/dir'],
  ['file:///', '/'],
  ['file:./with%20space', './with space'],
  ['file:./with space', './with space'],
  ['file:./what%3F%23%25', './what?#%'],
  ['file:./a%5Cb', './a\\b'],
  ['file:./a..b/..c', './a..b/..c'],
  ['file:./%252e%252e', './%2e%2e'],
])('%s is the folder %s', (text, folder) => {
  expect(folderOf(text, false)).toBe(folder);
});

test('one URL is one folder, however it is spelled', () => {
  const name = '/srv/a b#c?d%e\nü';
  const url = pathToFileURL(name);
  expect(folderOf(url.href, false)).toBe(name);
  expect(folderOf(`file:${url.pathname}`, false)).toBe(name);
  expect(folderOf(`file://localhost${url.pathname}`, false)).toBe(name);
});

test.each([
  ['file:', 'needs a folder'],
  ['file:///dir?tenant=1', 'takes no parameters, found "tenant"'],
  ['file:///dir?a=1&b=2#c', 'found "a", "b"'],
  ['file:./dir?x', 'found "x". For a ? in a folder\'s name write %3F'],
  ['file:./dir?', 'found ?'],
  ['file:./dir#x', 'write %23'],
  ['file:///dir#', 'write %23'],
  ['file://server/dir', 'has no host'],
  ['file://user:secret@server/dir', 'has no host'],
  ['file:./100%', 'For a % in a name write %25'],
  ['file:./%ff', 'percent-encoding'],
  ['file:./a%2Fb', '%2F'],
  ['file:./a%00', 'NUL'],
  ['file:./a\\b', 'For a backslash in a name write %5C'],
])('%s is refused with words that help', (text, words) => {
  expect(() => folderOf(text, false)).toThrow(TypeError);
  expect(() => folderOf(text, false)).toThrow(words);
  expect(() => folderOf(text, false)).not.toThrow('secret');
});

describe('a name that is put in behind a folder leads nowhere else', () => {
  const names = ['..', '../x', 'x/../..', '%2e%2e', '.%2E', '%2e%2e/x', '%2e%2e%2fx', 'x%2f..', '..\\x'];
  test.each(names)('%s', (name) => {
    for (const before of [
      'file:///srv/tenants/',
      'file:/srv/tenants/',
      'file:./tenants/',
      'file:../tenants/',
    ])
      for (const windows of [false, true])
        expect(() => folderOf(before + name, windows), before).toThrow(TypeError);
  });
});

test.each([
  ['file:C:\\state', 'C:/state'],
  ['file:.\\state', './state'],
  ['file:///C:/state', 'C:/state'],
  ['file:/C:/a%20b', 'C:/a b'],
  ['file:\\\\server\\share', '//server/share'],
])('on Windows %s is the folder %s', (text, folder) => {
  expect(folderOf(text, true)).toBe(folder);
});

test('on Windows a drive is the beginning of an absolute path', () => {
  expect(() => folderOf('file:C:/../state', true)).toThrow('".."');
  expect(() => folderOf('file:./a%5Cb', true)).toThrow('%5C');
});
