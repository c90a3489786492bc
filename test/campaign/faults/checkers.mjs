/** The checkers of packages/sim on what a campaign has recorded. */
import { checkBank, checkExactlyOnce, checkHistory } from '@holdfast/sim';
import { accounts, balanceAtFirst } from './intents.mjs';

/** @typedef {import('./judge.mjs').Told} Told @typedef {import('./judge.mjs').Found} Found */

/**
 * @param {import('@holdfast/sim').History} history
 * @param {Found} found
 */
export function historyProblems(history, { lists, registers }) {
  const final = new Map([...Object.entries(lists), ...Object.entries(registers)]);
  const anomalies = checkHistory(history, { level: 'strict-serializable', final });
  return anomalies.map(({ kind, message }) => `${kind}: ${message}`);
}

/** @param {Told[]} told @param {Found} found */
export function requestProblems(told, { outcomes, effects }) {
  const requests = told.flatMap(({ requestId, ends }) => {
    if (requestId === undefined) return [];
    const acknowledged = ends.flatMap(({ outcome, seen }) => (outcome === 'committed' ? [seen] : []));
    const outcome = outcomes[requestId] ?? { status: 'open' };
    return [{ id: requestId, sends: Math.max(1, ends.length), acknowledged, outcome }];
  });
  const times = Object.entries(effects).flatMap(([id, count]) => Array.from({ length: count }, () => id));
  return checkExactlyOnce(requests, times).map(({ message }) => message);
}

/** @param {Told[]} told @param {Found} found */
export function bankProblems(told, { balances }) {
  const name = (_, account) => `account ${account}`;
  const observed = told.flatMap(({ begin, ends }) =>
    ends.flatMap(({ seen }) => (seen?.balances ? [{ name: `T${begin}`, balances: seen.balances }] : [])),
  );
  const observations = [...observed, { name: 'the final state', balances }].map((each) => ({
    name: each.name,
    balances: new Map(each.balances.map((balance, account) => [name(balance, account), balance])),
  }));
  const names = Array.from({ length: accounts }, name);
  const bank = { accounts: names, total: accounts * balanceAtFirst };
  return checkBank(bank, observations).map(({ message }) => message);
}
