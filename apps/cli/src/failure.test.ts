import { HoldfastError, StoreError } from 'holdfast';
import { describe, expect, test } from 'vitest';
import { EXIT } from './exit-codes.js';
import { asUsage, failureOf, fileFailure, SystemFailure, UsageError } from './failure.js';

const system = (code: string, more: object = {}) =>
  Object.assign(new Error(`${code}: as libuv says it, write`), { code, syscall: 'write', ...more });

describe('a system error on a file that the user named', () => {
  test.each(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'EISDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'])(
    '%s is bad usage: another name would do',
    (code) => {
      const told = fileFailure('read', 'a.txt', system(code));
      expect(told).toBeInstanceOf(UsageError);
      expect(failureOf(told)).toMatchObject({ code: 'USAGE', exitCode: EXIT.usage });
      expect((told as Error).message).toMatch(/^Can't read a\.txt: [a-z ,-]+\.$/);
    },
  );

  test.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EPIPE', 'EWHATEVER'])(
    '%s is this machine',
    (code) => {
      const told = fileFailure('write to', 'a.txt', system(code), 'It was not written.');
      expect(told).toBeInstanceOf(SystemFailure);
      expect(failureOf(told)).toMatchObject({ code: 'IO', exitCode: EXIT.io, maybeCommitted: false });
      expect((told as Error).message).toMatch(
        /^Can't write to a\.txt: .*\bE[A-Z]+\b.*\. It was not written\.$/,
      );
    },
  );

  test('anything else is passed on', () => {
    const errors = [
      new TypeError('x'),
      new UsageError('y'),
      Object.assign(new Error(), { code: 'ERR_X' }),
      7,
    ];
    for (const error of errors) expect(fileFailure('read', 'a.txt', error)).toBe(error);
  });
});

test('a system error that nobody put into words is not called a bug', () => {
  expect(failureOf(system('ENOSPC', { path: '/x' }))).toEqual({
    code: 'IO',
    message: 'write of /x failed: the disk is full (ENOSPC).',
    exitCode: EXIT.io,
    retryable: false,
    maybeCommitted: false,
  });
  expect(failureOf(Object.assign(new Error('E'), { code: 'EIO' })).message).toMatch(
    /^A system call failed: .*\(EIO\)\.$/,
  );
});

test('every code has its exit code, and only what nobody expected is a bug', () => {
  const exits = (codes: readonly HoldfastError['code'][]) =>
    codes.map((code) => failureOf(new HoldfastError(code, 'x')).exitCode);
  expect(exits(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'STORE_REFUSED'])).toEqual([4, 4, 4]);
  expect(exits(['CORRUPT', 'FORK', 'ROLLBACK'])).toEqual([5, 5, 5]);
  expect(exits(['NOT_FOUND', 'WRONG_KEY', 'READ_ONLY', 'PREFIX_IN_USE', 'STORE_UNSAFE'])).toEqual([
    3, 3, 3, 3, 3,
  ]);
  expect(exits(['LIMIT_EXCEEDED'])).toEqual([2]);
  const refused = new StoreError('DENIED', 'x');
  expect(failureOf(refused)).toMatchObject({ code: 'STORE_REFUSED', exitCode: 4, retryable: false });
  expect(failureOf(new StoreError('UNAVAILABLE', 'x'))).toMatchObject({
    code: 'UNAVAILABLE',
    retryable: true,
  });
  for (const thrown of [new TypeError('x is not a function'), 'a text', undefined])
    expect(failureOf(thrown)).toMatchObject({
      code: 'BUG',
      exitCode: EXIT.bug,
      message: expect.stringMatching(/^[^\n]*This is a bug in holdfast\.[^\n]*$/),
    });
});

test('only what the user typed is turned into bad usage', async () => {
  await expect(asUsage(() => Promise.reject(new RangeError('at: …')))).rejects.toThrow(UsageError);
  const other = new HoldfastError('CORRUPT', 'x');
  await expect(asUsage(() => Promise.reject(other))).rejects.toBe(other);
});
