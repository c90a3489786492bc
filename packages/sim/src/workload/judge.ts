/**
 * The verdict on one world: what clients heard against what is in the store when everything has settled.
 * Believes the engine only for the final reads, which it makes through a machine of its own without faults.
 */

import { isDeepStrictEqual } from 'node:util';
import { checkBank } from '../check/bank.js';
import { checkChain } from '../check/chain.js';
import { checkHistory } from '../check/check-history.js';
import { checkExactlyOnce, type RequestAccount } from '../check/exactly-once.js';
import type { Scenario } from '../world/shape.js';
import type { FinalState } from './final-state.js';
import { judgeJobs } from './jobs.js';
import { judgeRanges } from './judge-ranges.js';
import type { Deed, Ledger } from './ledger.js';
import { ACCOUNTS, BALANCE, carelessMark, largeValue, SLOTS_PER_GROUP } from './programs.js';
import { judgeBlind, judgeStamps } from './stamps.js';
import type { Verdict } from './verdict.js';

export function judge(
  scenario: Scenario,
  ledger: Ledger,
  state: FinalState,
  objects: ReadonlyMap<string, Uint8Array>,
): Verdict {
  const verdict: Verdict = { anomalies: [...ledger.violations], lost: [], doubled: [], late: [] };
  judgeHistory(scenario, ledger, state, verdict);
  judgeMarks(ledger, state, verdict);
  judgeBank(ledger, state, verdict);
  judgeClaims(ledger, state, verdict);
  judgeSlots(scenario, state, verdict);
  judgeAdds(state, verdict);
  judgeLarge(state, verdict);
  judgeCareless(state, verdict);
  judgeRanges(scenario, ledger, state, verdict);
  judgeJobs(state, verdict);
  judgeBlind(state, verdict);
  judgeStamps(ledger, state, verdict);
  judgeRequests(ledger, state, verdict);
  for (const { kind, message } of checkChain(objects).problems)
    verdict.anomalies.push(`chain, ${kind}: ${message}`);
  return verdict;
}

function judgeHistory(scenario: Scenario, ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const final = new Map<string, readonly number[] | number>();
  for (const area of ['list', 'register'])
    for (const { key, value } of state.get(area) ?? [])
      final.set(`${area} ${String(key[1])}`, value as number[] | number);
  // Hiding what is newest is a lie that only an anchor or a receipt can find out: what is read may be old, and is of
  // one state all the same, and who writes is told by the create.
  const strict = scenario.lies ? 'serializable' : 'strict-serializable';
  const level = scenario.isolation === 'snapshot' ? 'snapshot' : strict;
  for (const { kind, message } of checkHistory(ledger.history(), { level, final }))
    (kind === 'lost-write' ? verdict.lost : kind === 'duplicate' ? verdict.doubled : verdict.anomalies).push(
      `${kind}: ${message}`,
    );
}

/** A mark is there exactly if its transaction committed and wrote. */
function judgeMarks(ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const marks = new Set((state.get('mark') ?? []).map(({ key }) => key[2] as number));
  for (const deed of ledger.deeds) {
    const { program, outcome, result } = deed;
    if (program.role === 'lists' || program.role === 'registers') continue;
    const there = marks.delete(program.id);
    if (outcome === 'committed' && result?.wrote && !there)
      verdict.lost.push(`${named(deed)} was acknowledged`);
    if (outcome === 'committed' && !result?.wrote && there)
      verdict.doubled.push(`${named(deed)} was said to have written nothing, and is in the state`);
    if (outcome === 'aborted' && there)
      verdict.doubled.push(`${named(deed)} was said not to have happened, and is in the state`);
  }
  for (const id of marks)
    verdict.anomalies.push(`Nobody asked for transaction ${id}, and its mark is there.`);
}

function named(deed: Deed): string {
  return `${deed.program.role} ${deed.program.id} of ${deed.client}, sent ${deed.sends} times,`;
}

function judgeBank(ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => i);
  const final: (number | undefined)[] = accounts.map(() => undefined);
  for (const { key, value } of state.get('account') ?? []) final[key[1] as number] = value as number;
  const observations = [...ledger.balances, { who: 'the end', balances: final }].map(({ who, balances }) => ({
    name: who,
    balances: new Map(accounts.map((i) => [String(i), balances[i] ?? BALANCE])),
  }));
  for (const { kind, message } of checkBank(
    { accounts: accounts.map(String), total: ACCOUNTS * BALANCE },
    observations,
  ))
    verdict.anomalies.push(`bank, ${kind}: ${message}`);
  // The marks say which transfers happened: together they give every balance.
  const expected = accounts.map(() => BALANCE);
  for (const { key, value } of state.get('mark') ?? []) {
    if (key[1] !== 'transfers') continue;
    const { from, to, amount } = value as { from: number; to: number; amount: number };
    expected[from]! -= amount;
    expected[to]! += amount;
  }
  for (const i of accounts)
    if ((final[i] ?? BALANCE) !== expected[i])
      verdict.doubled.push(
        `Account ${i} has ${final[i] ?? BALANCE}; the transfers in the state come to ${expected[i]}.`,
      );
}

/** Seats are numbered without gaps, and each claim that happened has one. */
function judgeClaims(ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const seats = state.get('seat') ?? [];
  const owners = new Map<number, number>();
  for (const [at, { key, value }] of seats.entries()) {
    if (key[1] !== at) verdict.anomalies.push(`Seat ${at} is missing; the next one is ${String(key[1])}.`);
    if (owners.has(value as number)) verdict.doubled.push(`claim ${value} has two seats`);
    owners.set(value as number, at);
  }
  for (const { key } of state.get('mark') ?? [])
    if (key[1] === 'claims' && !owners.has(key[2] as number))
      verdict.lost.push(`claim ${key[2]} happened, and another one has its seat`);
  for (const deed of ledger.deeds)
    if (deed.program.role === 'claims' && deed.outcome === 'aborted' && owners.has(deed.program.id))
      verdict.doubled.push(`${named(deed)} was said not to have happened, and has a seat`);
}

/** Write skew through a range: forbidden where transactions are serializable, allowed where they are snapshots. */
function judgeSlots(scenario: Scenario, state: FinalState, verdict: Verdict): void {
  if (scenario.isolation === 'snapshot') return;
  const counts = new Map<unknown, number>();
  for (const { key } of state.get('slot') ?? []) counts.set(key[1], (counts.get(key[1]) ?? 0) + 1);
  for (const [group, count] of counts)
    if (count > SLOTS_PER_GROUP)
      verdict.anomalies.push(
        `Group ${group} has ${count} slots; each transaction saw fewer than ${SLOTS_PER_GROUP}.`,
      );
}

function judgeAdds(state: FinalState, verdict: Verdict): void {
  const marks = (state.get('mark') ?? []).filter(({ key }) => key[1] === 'adds').length;
  const sum = (state.get('counter') ?? []).reduce((total, { value }) => total + (value as number), 0);
  if (sum !== marks)
    verdict.doubled.push(`The counters come to ${sum}; ${marks} additions are in the state.`);
}

function judgeLarge(state: FinalState, verdict: Verdict): void {
  const marks = new Set(
    (state.get('mark') ?? []).filter(({ key }) => key[1] === 'large').map(({ key }) => key[2]),
  );
  const found = new Map<unknown, number>();
  for (const { key, value } of state.get('large') ?? []) {
    const [, id, index] = key as [string, number, number];
    found.set(id, (found.get(id) ?? 0) + 1);
    if (!marks.has(id)) verdict.anomalies.push(`large ${id} is there without its mark: half a transaction.`);
    if (Buffer.compare(value as Uint8Array, largeValue(id, index)) !== 0)
      verdict.anomalies.push(`large ${id}/${index} has other bytes than were written.`);
  }
  for (const id of marks)
    if (found.get(id) !== 3)
      verdict.anomalies.push(`large ${String(id)} has ${found.get(id) ?? 0} of its 3 values.`);
}

/** What was handed in is what was written, whatever became of it a moment later. */
function judgeCareless(state: FinalState, verdict: Verdict): void {
  for (const { key, value } of state.get('mark') ?? []) {
    if (key[1] !== 'careless') continue;
    const id = Math.abs(key[2] as number);
    if (!isDeepStrictEqual(value, carelessMark(id)))
      verdict.anomalies.push(`careless ${id} wrote what its value became after the call.`);
  }
}

/** Each request took effect once or never, and was answered in one way only. */
function judgeRequests(ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const named = ledger.deeds.filter(({ request }) => request !== undefined);
  const ids = new Set(named.map(({ program }) => String(program.id)));
  const effects = (state.get('mark') ?? []).map(({ key }) => String(key[2])).filter((id) => ids.has(id));
  const writers = new Map(named.flatMap((deed) => firstAppends(deed)));
  for (const { value } of state.get('list') ?? [])
    for (const element of value as number[]) effects.push(...(writers.get(element) ?? []));
  const accounts = named.map((deed): RequestAccount => {
    const { program, sends, acknowledged, outcome, result } = deed;
    const id = String(program.id);
    // What leaves no trace of its own counts as there.
    const traceless = program.role === 'lists' ? firstAppends(deed).length === 0 : !result?.wrote;
    if (outcome === 'committed' && (traceless || program.role === 'registers')) effects.push(id);
    if (outcome === 'committed') return { id, sends, acknowledged, outcome: { status: 'committed', result } };
    return { id, sends, acknowledged, outcome: { status: outcome === 'aborted' ? 'closed' : 'open' } };
  });
  for (const { kind, message } of checkExactlyOnce(accounts, effects))
    (kind === 'absent' ? verdict.lost : verdict.doubled).push(`requests, ${kind}: ${message}`);
}

/** The first element that a transaction appends, and whose it is. */
function firstAppends({ program }: Deed): [number, [string]][] {
  const append = program.certain.find(({ op }) => op === 'append');
  return append?.op === 'append' ? [[append.element, [String(program.id)]]] : [];
}
