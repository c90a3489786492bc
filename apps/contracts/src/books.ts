/**
 * The books: do the state at the beginning, the calls that were answered, and the state at the end agree?
 *
 * Every call that was sent has an answer when the books are checked, so the sums must be exact: a call that took
 * effect twice, or not at all, or whose answer was another's, shows.
 */
import type { Snapshot } from 'holdfast';
import type { Bid, BidResult, Standing } from './contracts/auction.js';
import type { Message, NumberedMessage } from './contracts/chat.js';
import type { City } from './contracts/gazetteer.js';
import type { Reading } from './contracts/pasteboard.js';
import { type Entry, isPending } from './journal.js';

/** What the contracts' state holds, but for the gazetteer. */
export interface Holdings {
  readonly counters: ReadonlyMap<string, number>;
  readonly rooms: ReadonlyMap<string, readonly NumberedMessage[]>;
  readonly standings: ReadonlyMap<string, Standing>;
  /** Those that counted, of each lot, in their order. */
  readonly bids: ReadonlyMap<string, readonly Standing[]>;
  /** By owner and name. */
  readonly pastes: ReadonlyMap<string, string>;
}

export interface Finding {
  readonly check: string;
  /** What was found to be so. */
  readonly detail: string;
  /** Empty: it balances. */
  readonly problems: readonly string[];
}

export async function readHoldings(snapshot: Snapshot): Promise<Holdings> {
  const counters = new Map<string, number>();
  for await (const { key, value } of snapshot.list<number>({ prefix: ['counter'] }))
    counters.set(String(key[1]), value);
  const rooms = new Map<string, NumberedMessage[]>();
  for await (const { key, value } of snapshot.list<Message>({ prefix: ['chat'] }))
    push(rooms, String(key[1]), { number: Number(key[2]), ...value });
  const standings = new Map<string, Standing>();
  for await (const { key, value } of snapshot.list<Standing>({ prefix: ['auction', 'standing'] }))
    standings.set(String(key[2]), value);
  const bids = new Map<string, Standing[]>();
  for await (const { key, value } of snapshot.list<Bid>({ prefix: ['auction', 'bids'] }))
    push(bids, String(key[2]), { number: Number(key[3]), ...value });
  const pastes = new Map<string, string>();
  for await (const { key, value } of snapshot.list<string>({ prefix: ['pasteboard'] }))
    pastes.set(pasteId(String(key[1]), String(key[2])), value);
  return { counters, rooms, standings, bids, pastes };
}

/** @param entries each caller's in the order of asking. */
export function checkBooks(opening: Holdings, entries: readonly Entry[], closing: Holdings): Finding[] {
  return [
    checkAnswers(entries),
    checkCounters(opening, entries, closing),
    checkChat(opening, entries, closing),
    checkAuction(opening, entries, closing),
    checkPasteboard(opening, entries, closing),
    checkGazetteerAnswers(entries),
  ];
}

function checkAnswers(entries: readonly Entry[]): Finding {
  const repeated = entries.filter(({ answer }) => answer?.repeated !== undefined).length;
  return {
    check: 'calls',
    detail: `${count(entries.length)} calls, each answered; ${count(repeated)} were sent twice and count once`,
    problems: entries
      .filter(isPending)
      .map(({ request }) => `${request.requestId} (${request.contract}.${request.method}) has no answer.`),
  };
}

/**
 * The sum must be right. Where all calls tell what the counter came to, their steps must also lie end to end
 * from the opening value to the closing one, with no two on the same place.
 */
function checkCounters(opening: Holdings, entries: readonly Entry[], closing: Holdings): Finding {
  const problems: string[] = [];
  const details: string[] = [];
  const calls = callsOf(entries, 'counter');
  const names = new Set([
    ...opening.counters.keys(),
    ...closing.counters.keys(),
    ...calls.map(({ args }) => String(args.name)),
  ]);
  for (const name of names) {
    const own = calls.filter(({ args }) => args.name === name);
    const from = opening.counters.get(name) ?? 0;
    const found = closing.counters.get(name) ?? 0;
    const added = own.reduce((sum, { args }) => sum + Number(args.by), 0);
    details.push(`${name} ${count(from)} + ${count(added)} in ${count(own.length)} calls = ${count(found)}`);
    if (found !== from + added)
      problems.push(`Counter ${name}: expected ${from} + ${added} = ${from + added}, found ${found}.`);
    if (own.some(({ method }) => method !== 'incBy')) continue;
    let reached = from;
    for (const { args, result, id } of own.sort((a, b) => Number(a.result) - Number(b.result))) {
      if (Number(result) - Number(args.by) !== reached)
        problems.push(
          `Counter ${name}: ${id} added ${args.by} and was told ${result}: expected a step from ${reached}.`,
        );
      reached = Number(result);
    }
  }
  return { check: 'counter', detail: details.join('; '), problems };
}

/** Rooms are numbered without a gap; each new message is one call's, under the number it was told, in its author's order. */
function checkChat(opening: Holdings, entries: readonly Entry[], closing: Holdings): Finding {
  const problems: string[] = [];
  let messages = 0;
  for (const [room, found] of closing.rooms) {
    messages += found.length;
    for (const [i, { number }] of found.entries())
      if (number !== i + 1) {
        problems.push(`Room ${room}: expected message ${i + 1}, found ${number}.`);
        break;
      }
  }
  const claimed = new Map<string, string>();
  for (const [room, before] of opening.rooms) {
    const now = closing.rooms.get(room) ?? [];
    for (const [i, message] of before.entries()) {
      claimed.set(`${room}/${message.number}`, 'the opening');
      if (now[i]?.author !== message.author || now[i]?.text !== message.text)
        problems.push(`Room ${room}: message ${message.number} is not what it was.`);
    }
  }
  const lastOf = new Map<string, number>();
  for (const { id, method, args, caller, result } of callsOf(entries, 'chat')) {
    if (method !== 'say') continue;
    const room = String(args.room);
    const number = Number(result);
    const place = `${room}/${number}`;
    const other = claimed.get(place);
    if (other !== undefined) problems.push(`Message ${place} is claimed by ${other} and by ${id}.`);
    claimed.set(place, id);
    const there = closing.rooms.get(room)?.[number - 1];
    if (there?.author !== caller || there?.text !== args.text)
      problems.push(
        `Message ${place}: expected what ${caller} said in ${id}, found ${JSON.stringify(there)}.`,
      );
    if (number <= (lastOf.get(`${room}/${caller}`) ?? 0))
      problems.push(`Room ${room}: ${caller}'s message ${number} stands before an earlier one of theirs.`);
    lastOf.set(`${room}/${caller}`, number);
  }
  for (const [room, found] of closing.rooms)
    for (const { number } of found)
      if (!claimed.has(`${room}/${number}`)) problems.push(`Message ${room}/${number} was said by no call.`);
  const said = callsOf(entries, 'chat').filter(({ method }) => method === 'say');
  const authors = new Set(said.map(({ caller }) => caller)).size;
  return {
    check: 'chat',
    detail: `${count(messages)} messages in ${closing.rooms.size} rooms, numbers without a gap, ${authors} authors' messages in their order`,
    problems,
  };
}

/** Bids that counted rise; the highest of all that were ever offered has won; refusals were right. */
function checkAuction(opening: Holdings, entries: readonly Entry[], closing: Holdings): Finding {
  const problems: string[] = [];
  const details: string[] = [];
  const calls = callsOf(entries, 'auction').filter(({ method }) => method === 'bid');
  const lots = new Set([
    ...opening.standings.keys(),
    ...closing.standings.keys(),
    ...calls.map(({ args }) => String(args.lot)),
  ]);
  for (const lot of lots) {
    const bids = closing.bids.get(lot) ?? [];
    const won = closing.standings.get(lot);
    const claimed = new Set((opening.bids.get(lot) ?? []).map(({ number }) => number));
    for (const [i, bid] of bids.entries()) {
      if (bid.number !== i + 1) problems.push(`Lot ${lot}: expected bid ${i + 1}, found ${bid.number}.`);
      if (i > 0 && bid.amount <= bids[i - 1]!.amount)
        problems.push(`Lot ${lot}: bid ${bid.number} of ${bid.amount} did not beat the one before it.`);
    }
    const last = bids.at(-1);
    if (won?.amount !== last?.amount || won?.bidder !== last?.bidder || won?.number !== last?.number)
      problems.push(`Lot ${lot}: expected the last bid to stand, found ${JSON.stringify(won)}.`);
    const own = calls.filter(({ args }) => args.lot === lot);
    let highest = opening.standings.get(lot)?.amount ?? 0;
    let refused = 0;
    for (const { id, args, caller, result } of own) {
      const amount = Number(args.amount);
      const answer = result as BidResult;
      highest = Math.max(highest, amount);
      if (!answer.accepted) {
        refused++;
        if (amount > answer.highest || !bids.some((bid) => bid.amount === answer.highest))
          problems.push(`Lot ${lot}: ${id} bade ${amount} and was refused for ${answer.highest}.`);
        continue;
      }
      const there = bids[answer.number - 1];
      if (there?.bidder !== caller || there?.amount !== amount || claimed.has(answer.number))
        problems.push(
          `Lot ${lot}: bid ${answer.number}: expected ${caller}'s ${amount} (${id}), found ${JSON.stringify(there)}.`,
        );
      claimed.add(answer.number);
    }
    for (const { number } of bids)
      if (!claimed.has(number)) problems.push(`Lot ${lot}: bid ${number} was made by no call.`);
    if ((won?.amount ?? 0) !== highest)
      problems.push(`Lot ${lot}: expected the highest offer, ${highest}, to have won, found ${won?.amount}.`);
    details.push(
      `${lot} goes to ${won?.bidder ?? 'nobody'} for ${count(won?.amount ?? 0)}, the highest of ${count(own.length)} offers (${count(refused)} too low)`,
    );
  }
  return { check: 'auction', detail: details.join('; '), problems };
}

/** Boards hold what their owners put there last; owners read that, and others nothing. */
function checkPasteboard(opening: Holdings, entries: readonly Entry[], closing: Holdings): Finding {
  const problems: string[] = [];
  const expected = new Map(opening.pastes);
  let own = 0;
  let refused = 0;
  for (const { id, method, args, caller, result } of callsOf(entries, 'pasteboard')) {
    if (method === 'put') expected.set(pasteId(caller, String(args.name)), String(args.text));
    if (method !== 'read') continue;
    const reading = result as Reading;
    const owner = String(args.owner);
    if (owner !== caller) {
      refused++;
      if (reading.allowed || 'text' in reading)
        problems.push(`${id}: ${caller} was shown ${owner}'s ${args.name}.`);
      continue;
    }
    own++;
    const text = expected.get(pasteId(owner, String(args.name)));
    if (!reading.allowed || reading.text !== text)
      problems.push(
        `${id}: ${caller} expected to read ${JSON.stringify(text)}, found ${JSON.stringify(reading)}.`,
      );
  }
  for (const id of new Set([...expected.keys(), ...closing.pastes.keys()]))
    if (expected.get(id) !== closing.pastes.get(id))
      problems.push(
        `Paste ${id}: expected ${JSON.stringify(expected.get(id))}, found ${JSON.stringify(closing.pastes.get(id))}.`,
      );
  return {
    check: 'pasteboard',
    detail: `${count(closing.pastes.size)} texts are their owners' last; ${count(own)} readings by owners right, ${count(refused)} by others refused`,
    problems,
  };
}

function checkGazetteerAnswers(entries: readonly Entry[]): Finding {
  const problems: string[] = [];
  const calls = callsOf(entries, 'gazetteer');
  for (const { id, args, result } of calls) {
    const { country, startsWith = '' } = args as { country: string; startsWith?: string };
    const wrong = (result as City[]).find(
      (city) => city.country !== country || !city.name.startsWith(startsWith),
    );
    if (wrong)
      problems.push(`${id}: asked for ${country}, ${startsWith}…, found ${wrong.country}, ${wrong.name}.`);
  }
  return {
    check: 'queries',
    detail: `${count(calls.length)} queries over the gazetteer answered in range`,
    problems,
  };
}

/** Whether every country has as many cities as the file that was imported. */
export function checkCities(source: readonly City[], counted: Readonly<Record<string, number>>): Finding {
  const expected: Record<string, number> = {};
  for (const { country } of source) expected[country] = (expected[country] ?? 0) + 1;
  const countries = new Set([...Object.keys(expected), ...Object.keys(counted)]);
  return {
    check: 'gazetteer',
    detail: `${count(source.length)} cities in ${countries.size} countries, as many in each as in the file`,
    problems: [...countries]
      .filter((country) => expected[country] !== counted[country])
      .map((c) => `Country ${c}: expected ${expected[c] ?? 0} cities, found ${counted[c] ?? 0}.`),
  };
}

interface AnsweredCall {
  readonly id: string;
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly caller: string;
  readonly result: unknown;
}

function callsOf(entries: readonly Entry[], contract: string): AnsweredCall[] {
  return entries.flatMap(({ request, answer }) =>
    answer && request.contract === contract
      ? {
          id: request.requestId,
          method: request.method,
          args: request.args as Readonly<Record<string, unknown>>,
          caller: request.caller,
          result: answer.result,
        }
      : [],
  );
}

function pasteId(owner: string, name: string): string {
  return JSON.stringify([owner, name]);
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list) list.push(item);
  else lists.set(name, [item]);
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
