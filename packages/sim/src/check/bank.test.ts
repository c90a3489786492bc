import { expect, test } from 'vitest';
import { type Bank, checkBank } from './bank.js';

const bank: Bank = { accounts: ['a', 'b'], total: 100 };
const kinds = (balances: Record<string, number>, options: Partial<Bank> = {}): string[] =>
  checkBank({ ...bank, ...options }, [{ name: 'T1', balances: new Map(Object.entries(balances)) }]).map(
    ({ kind }) => kind,
  );

test('every way to hold the same sum is right', () => {
  expect(kinds({ a: 100, b: 0 })).toEqual([]);
  expect(kinds({ a: 40, b: 60 })).toEqual([]);
});

test('money that was made or lost is seen', () => {
  expect(kinds({ a: 40, b: 61 })).toEqual(['total']);
  expect(kinds({ a: 40, b: 59 })).toEqual(['total']);
});

test('an overdrawn account is seen, where that is forbidden', () => {
  expect(kinds({ a: -1, b: 101 })).toEqual(['overdrawn']);
  expect(kinds({ a: -1, b: 101 }, { mayOverdraw: true })).toEqual([]);
});

test('accounts that are missing, or that nobody opened', () => {
  expect(kinds({ a: 100 })).toEqual(['accounts']);
  expect(kinds({ a: 50, b: 49, c: 1 })).toEqual(['accounts']);
});

test('one wrong observation among right ones is told with its name', () => {
  const right = new Map([
    ['a', 50],
    ['b', 50],
  ]);
  const wrong = new Map([
    ['a', 50],
    ['b', 5],
  ]);
  const problems = checkBank(bank, [
    { name: 'T1', balances: right },
    { name: 'T2', balances: wrong },
    { name: 'T3', balances: right },
  ]);
  expect(problems.map(({ message }) => message)).toEqual(['T2 sees 55 in all where 100 is: a 50, b 5.']);
});
