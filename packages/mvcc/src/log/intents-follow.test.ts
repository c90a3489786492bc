import type { DecidedIntent, Intents, Verdict } from '@holdfast/core';
import { describe, expect, test } from 'vitest';
import { checkIntentsFollow } from './intents-follow.js';

const COMMITTED: Verdict = { kind: 'committed', order: 0 };

function decided(
  writer: number,
  k: number,
  version: number,
  verdicts: Verdict[] = [COMMITTED],
): DecidedIntent {
  return {
    writerId: new Uint8Array(16).fill(writer),
    k,
    hash: new Uint8Array(32).fill(k),
    version,
    verdicts,
  };
}

const table = (floor: number, ...entries: DecidedIntent[]): Intents => ({ floor, decided: entries });
const OLD = [decided(1, 3, 7), decided(2, 1, 9)];
const PARENT = { version: 9, intents: table(5, ...OLD) };

function follow(intents: Intents | undefined, version = 10): void {
  const body = { transactions: [{}], ...(intents ? { intents } : {}) };
  checkIntentsFollow(PARENT, { version, body }, version === 10);
}

describe("a record's table of intents", () => {
  test.each<[string, Intents]>([
    ['is the one before it', table(5, ...OLD)],
    [
      'has a next intent, and the first of somebody new',
      table(5, OLD[0]!, decided(2, 2, 10), decided(3, 1, 10)),
    ],
    ['has a next intent that was taken back', table(5, decided(1, 4, 10, [{ kind: 'void' }]), OLD[1]!)],
    ['is without a writer that the floor has reached', table(7, OLD[1]!)],
    ['is empty, below the floor', table(9)],
  ])('may follow where it %s', (_, intents) => {
    follow(intents);
  });

  test.each<[string, Intents | undefined, string]>([
    ['is gone', undefined, 'expected an intent floor of 5 or more, found 0'],
    ['has a floor that goes back', table(4, ...OLD), 'expected an intent floor of 5 or more, found 4'],
    ['is without a writer above the floor', table(8, OLD[0]!), 'expected intent 1 of writer 02020202'],
    ['is without a writer, and has no other floor', table(5, OLD[1]!), 'or a floor of 7, found neither'],
    ['has an intent again', table(5, decided(1, 3, 10), OLD[1]!), 'expected intent 4 of writer 0101'],
    [
      'has another verdict on it',
      table(5, decided(1, 3, 7, []), OLD[1]!),
      'expected intent 4 of writer 0101',
    ],
    ['leaves an intent out', table(5, decided(1, 5, 10), OLD[1]!), 'expected intent 4 of writer 01010101'],
    ['begins with a second intent', table(5, ...OLD, decided(3, 2, 10)), 'expected intent 1 of writer 0303'],
    ['has one that was decided before', table(5, ...OLD, decided(3, 1, 9)), 'to be decided in 10, found 9'],
    [
      'commits what it has not',
      table(5, ...OLD, decided(3, 1, 10, [{ kind: 'committed', order: 1 }])),
      'expected a transaction below 1 of intent 1, found 1',
    ],
  ])('is CORRUPT where it %s', (_, intents, message) => {
    expect(() => follow(intents)).toThrow(message);
  });

  test('may have come further after several records, and not gone back', () => {
    follow(table(5, decided(1, 6, 15), OLD[1]!, decided(3, 4, 12)), 15);
    follow(table(9), 15);
    expect(() => follow(table(5, decided(1, 2, 15), OLD[1]!), 15)).toThrow('expected intent 4 of writer');
    expect(() => follow(table(5, decided(1, 4, 9), OLD[1]!), 15)).toThrow('to be decided in 10, found 9');
    expect(() => follow(table(6, OLD[1]!), 15)).toThrow('or a floor of 7, found neither');
  });
});
