/**
 * What the workers' transactions do. An intent is plain data, drawn once and kept in the journal, so that whoever
 * sends a request again does the same.
 *
 * Invariants:
 * - The keys and values that an intent writes are all in it: either all of them are written, or none.
 * - An element is the number of its transaction: unique among all lists and registers.
 */

export const accounts = 100;
export const balanceAtFirst = 1_000;
/** A client moves on to the list's next generation when it has seen so many elements. */
const elementsWanted = 24;
/** And never writes to one that has so many. */
const elementsMax = 64;
const hotLists = 2;
const lists = 1_000;
const hotRegisters = 3;
/** How many of the steps are on hot keys. */
const hotShare = 0.08;
const registers = 3_000;

/**
 * @typedef {'lists' | 'registers' | 'transfer' | 'sum' | 'request' | 'read' | 'staleRead'} Kind
 * @typedef {['append' | 'list' | 'write' | 'read', string]} Step
 * @typedef {object} Intent
 * @property {Kind} kind
 * @property {Step[]} steps
 * @property {[from: number, to: number, amount: number]} [transfer]
 * @property {number} [stalenessMs]
 */

/** How many of a hundred transactions are of each kind. @type {[Kind, number][]} */
const mix = [
  ['lists', 30],
  ['registers', 16],
  ['transfer', 20],
  ['sum', 3],
  ['request', 20],
  ['read', 8],
  ['staleRead', 3],
];

/** The newest generation of each list that a process knows of. */
export class Generations {
  /** @param {Record<string, number>} known */
  constructor(known = {}) {
    this.known = { ...known };
  }
  /** @param {string} list */
  keyOf(list) {
    return `${list}/${this.known[list] ?? 0}`;
  }
  /** Takes note of how long a list was. @param {string} key @param {number} length */
  saw(key, length) {
    const [list = '', generation] = key.split('/');
    const next = Number(generation) + 1;
    if (length >= elementsWanted && next > (this.known[list] ?? 0)) this.known[list] = next;
  }
}

/**
 * @param {import('./draw.mjs').Draw} draw
 * @param {Generations} generations
 * @returns {Intent}
 */
export function drawIntent(draw, generations) {
  const kind = kindOf(draw.below(100));
  const list = () =>
    generations.keyOf(draw.fraction() < hotShare ? `hot${draw.below(hotLists)}` : `list${draw.below(lists)}`);
  const register = () =>
    draw.fraction() < hotShare
      ? `hotRegister${draw.below(hotRegisters)}`
      : `register${draw.below(registers)}`;
  /** @type {Step[]} */
  const steps = [];
  // A key has one step only: what a transaction reads of its own writes is nothing to judge by.
  const step = (what, key) => {
    if (!steps.some(([, taken]) => taken === key)) steps.push([what, key]);
  };
  switch (kind) {
    case 'lists':
      for (let n = draw.below(3); n > 0; n--) step('list', list());
      for (let n = 1 + draw.below(2); n > 0; n--) step('append', list());
      break;
    case 'registers':
      for (let n = draw.below(3); n > 0; n--) step('read', register());
      for (let n = 1 + draw.below(2); n > 0; n--) step('write', register());
      break;
    case 'request':
      step('append', list());
      step('read', register());
      break;
    case 'read':
    case 'staleRead':
      for (let n = 1 + draw.below(3); n > 0; n--) step('list', list());
      for (let n = 1 + draw.below(2); n > 0; n--) step('read', register());
      break;
    case 'transfer': {
      const from = draw.below(accounts);
      const to = (from + 1 + draw.below(accounts - 1)) % accounts;
      return { kind, steps, transfer: [from, to, 1 + draw.below(50)] };
    }
  }
  return kind === 'staleRead' ? { kind, steps, stalenessMs: 300 } : { kind, steps };
}

/** @param {number} percent @returns {Kind} */
function kindOf(percent) {
  let left = percent;
  for (const [kind, share] of mix) {
    left -= share;
    if (left < 0) return kind;
  }
  return 'lists';
}

/** Where a step's key is in the database. @param {Step[0]} what @param {string} key */
export function place(what, key) {
  if (what === 'read' || what === 'write') return ['register', key];
  const [list, generation] = key.split('/');
  return ['list', list, Number(generation)];
}

/**
 * What a body saw and did, as a history has it (packages/sim/src/check/history.ts); of a sum, all balances.
 * @typedef {{ ops: object[], balances?: number[], moved?: boolean, full?: boolean }} Seen
 */

/**
 * Runs an intent inside of a transaction.
 * @param {import('holdfast').Transaction} tx
 * @param {Intent} intent
 * @param {number} id
 * @returns {Promise<Seen>}
 */
export async function runIntent(tx, intent, id) {
  /** @type {object[]} */
  const ops = [];
  if (intent.kind === 'sum') {
    /** @type {number[]} */
    const balances = [];
    for await (const { key, value } of tx.list({ prefix: ['account'] })) balances[Number(key[1])] = value;
    return { ops, balances };
  }
  if (intent.transfer) {
    const [from, to, amount] = intent.transfer;
    const [left = 0, right = 0] = await tx.getMany([
      ['account', from],
      ['account', to],
    ]);
    if (left < amount) return { ops, moved: false };
    tx.set(['account', from], left - amount);
    tx.set(['account', to], right + amount);
    return { ops, moved: true };
  }
  // A register is written blindly.
  const reading = intent.steps.filter(([what]) => what !== 'write');
  const values = await tx.getMany(reading.map(([what, key]) => place(what, key)));
  const found = intent.steps.map((step) => values[reading.indexOf(step)]);
  const full = intent.steps.some(([what], i) => what === 'append' && (found[i]?.length ?? 0) >= elementsMax);
  for (const [i, [what, key]] of intent.steps.entries()) {
    if (what === 'read') ops.push({ op: 'read', key, value: found[i] ?? null });
    if (what === 'list' || what === 'append') ops.push({ op: 'list', key, elements: found[i] ?? [] });
    if (full) continue;
    if (what === 'append') {
      tx.set(place(what, key), [...(found[i] ?? []), id]);
      ops.push({ op: 'append', key, element: id });
    }
    if (what === 'write') {
      tx.set(place(what, key), id);
      ops.push({ op: 'write', key, value: id });
    }
  }
  if (intent.kind === 'request') tx.add(['effect', id], 1);
  return full ? { ops, full } : { ops };
}

/** Whether a committed transaction wrote anything. @param {Intent} intent @param {Seen} seen */
export function wrote(intent, seen) {
  return (
    seen.moved || intent.kind === 'request' || seen.ops.some(({ op }) => op === 'append' || op === 'write')
  );
}
