import { expect, test } from 'vitest';
import { checkExactlyOnce, type RequestAccount } from './exactly-once.js';

const committed = { status: 'committed', result: { n: 1 } } as const;
const request = (more: Partial<RequestAccount> = {}): RequestAccount => ({
  id: 'r',
  sends: 2,
  acknowledged: [{ n: 1 }, { n: 1 }],
  outcome: committed,
  ...more,
});
const kinds = (requests: RequestAccount[], effects: string[]): string[] =>
  checkExactlyOnce(requests, effects).map(({ kind }) => kind);

test('acknowledged often, there once', () => {
  expect(kinds([request()], ['r'])).toEqual([]);
});

test('never acknowledged: committed and there, or closed and not there', () => {
  expect(kinds([request({ acknowledged: [] })], ['r'])).toEqual([]);
  expect(kinds([request({ acknowledged: [], outcome: { status: 'closed' } })], [])).toEqual([]);
});

test('an effect that is there twice is doubled', () => {
  expect(kinds([request()], ['r', 'r'])).toEqual(['doubled']);
  expect(kinds([request({ sends: 1, acknowledged: [] })], ['r', 'r'])).toEqual(['doubled']);
});

test('an acknowledged request whose effect is not there is absent', () => {
  expect(kinds([request()], [])).toEqual(['absent']);
});

test('a request told to be committed whose effect is not there is absent', () => {
  expect(kinds([request({ acknowledged: [] })], [])).toEqual(['absent']);
});

test('a closed request has no effect and no acknowledgement', () => {
  const closed = { status: 'closed' } as const;
  expect(kinds([request({ acknowledged: [], outcome: closed })], ['r'])).toEqual(['closed-but-present']);
  expect(kinds([request({ outcome: closed })], [])).toEqual(['absent', 'closed-but-acknowledged']);
});

test('all are told one result', () => {
  expect(kinds([request({ acknowledged: [{ n: 1 }, { n: 2 }] })], ['r'])).toEqual(['results-differ']);
  expect(kinds([request({ acknowledged: [{ n: 2 }] })], ['r'])).toEqual(['results-differ']);
  expect(kinds([request({ acknowledged: [{ n: 1 }, undefined] })], ['r'])).toEqual(['results-differ']);
});

test('no outcome stays open, except that of what was never sent', () => {
  expect(kinds([request({ outcome: { status: 'open' } })], ['r'])).toEqual(['open']);
  expect(kinds([request({ sends: 0, acknowledged: [], outcome: { status: 'open' } })], [])).toEqual([]);
});

test('an effect that nobody asked for is garbage', () => {
  expect(kinds([], ['r'])).toEqual(['garbage']);
  expect(kinds([request({ sends: 0, acknowledged: [], outcome: { status: 'open' } })], ['r'])).toEqual([
    'garbage',
  ]);
});

test('two accounts of one request are a mistake of the caller', () => {
  expect(() => kinds([request(), request()], ['r'])).toThrow(RangeError);
});
