/**
 * The transactions that clients run. Each knows beforehand what it will write, so that it can be looked for
 * later whatever its client heard.
 */
import type { Transaction as EngineTransaction } from '@holdfast/mvcc';
import type { Operation } from '../check/history.js';
import type { Random } from '../world/random.js';
import type { Role, Scenario } from '../world/scenario.js';

export const BALANCE = 100;
export const ACCOUNTS = 6;
export const SLOTS_PER_GROUP = 3;
const LARGE_VALUES = 3;
const LARGE_BYTES = 190_000;

/** What a body returns: a value that can be stored, since a repeated request gets it again. */
export interface Result {
  readonly operations: readonly Operation[];
  /** Whether it wrote what it is for; a transfer without funds does not. */
  readonly wrote: boolean;
}

export interface Program {
  readonly id: number;
  readonly role: Role;
  /** Of the history's operations, those that it makes whatever it reads. */
  readonly certain: readonly Operation[];
  /** @param pause lets virtual time pass between two operations. */
  body(tx: EngineTransaction, pause: () => Promise<void>): Promise<Result>;
}

export type WritingRole = 'lists' | 'registers' | 'transfers' | 'claims' | 'slots' | 'adds' | 'large';

/** What of a scenario programs depend on. */
export type ProgramSettings = Pick<Scenario, 'keys' | 'padBytes'>;

export function makeProgram(
  role: WritingRole,
  id: number,
  random: Random,
  { keys, padBytes }: ProgramSettings,
): Program {
  switch (role) {
    case 'lists':
      return listProgram(id, random, keys, padBytes);
    case 'registers':
      return registerProgram(id, random, keys);
    case 'transfers':
      return transfer(id, random);
    case 'claims':
      return marked(id, role, async (tx) => {
        tx.set(['seat', await tx.count({ prefix: ['seat'] })], id);
        return true;
      });
    case 'slots': {
      const group = random.below(3);
      return marked(id, role, async (tx) => {
        if ((await tx.count({ prefix: ['slot', group] })) >= SLOTS_PER_GROUP) return false;
        tx.set(['slot', group, id], true);
        return true;
      });
    }
    case 'adds': {
      const counter = random.below(keys);
      return marked(id, role, async (tx) => {
        tx.add(['counter', counter], 1);
        return true;
      });
    }
    case 'large':
      return marked(id, role, async (tx) => {
        for (let i = 0; i < LARGE_VALUES; i++) tx.set(['large', id, i], largeValue(id, i));
        return true;
      });
  }
}

/** Keys that tell later whether a transaction is in the state: `['mark', role, id]`. */
function marked(
  id: number,
  role: WritingRole,
  write: (tx: EngineTransaction, pause: () => Promise<void>) => Promise<boolean>,
  mark: unknown = true,
): Program {
  return {
    id,
    role,
    certain: [],
    async body(tx, pause) {
      const wrote = await write(tx, pause);
      if (wrote) tx.set(['mark', role, id], mark);
      return { operations: [], wrote };
    },
  };
}

function transfer(id: number, random: Random): Program {
  const from = random.below(ACCOUNTS);
  const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
  const amount = 1 + random.below(60);
  const write = async (tx: EngineTransaction, pause: () => Promise<void>): Promise<boolean> => {
    const [has = BALANCE, gets = BALANCE] = await tx.getMany<number>([
      ['account', from],
      ['account', to],
    ]);
    await pause();
    if (has < amount) return false;
    tx.set(['account', from], has - amount);
    tx.set(['account', to], gets + amount);
    return true;
  };
  return marked(id, 'transfers', write, { from, to, amount });
}

function listProgram(id: number, random: Random, keys: number, padBytes: number): Program {
  const steps = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    key: random.below(keys),
    element: random.chance(0.6) ? id * 8 + i : undefined,
  }));
  return {
    id,
    role: 'lists',
    certain: steps.flatMap(({ key, element }) =>
      element === undefined ? [] : [{ op: 'append', key: `list ${key}`, element } as const],
    ),
    async body(tx, pause) {
      const operations: Operation[] = [];
      for (const { key, element } of steps) {
        const elements = (await tx.get<number[]>(['list', key])) ?? [];
        operations.push({ op: 'list', key: `list ${key}`, elements });
        await pause();
        if (element === undefined) continue;
        tx.set(['list', key], [...elements, element]);
        operations.push({ op: 'append', key: `list ${key}`, element });
        if (padBytes > 0) tx.set(['pad', id % 5], 'x'.repeat(padBytes));
      }
      return { operations, wrote: steps.some(({ element }) => element !== undefined) };
    },
  };
}

function registerProgram(id: number, random: Random, keys: number): Program {
  const steps = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    key: random.below(keys),
    value: random.chance(0.5) ? id * 8 + i : undefined,
  }));
  return {
    id,
    role: 'registers',
    certain: steps.flatMap(({ key, value }) =>
      value === undefined ? [] : [{ op: 'write', key: `register ${key}`, value } as const],
    ),
    async body(tx, pause) {
      const operations: Operation[] = [];
      for (const { key, value } of steps) {
        await pause();
        if (value !== undefined) {
          tx.set(['register', key], value);
          operations.push({ op: 'write', key: `register ${key}`, value });
        } else {
          const found = (await tx.get<number>(['register', key])) ?? null;
          operations.push({ op: 'read', key: `register ${key}`, value: found });
        }
      }
      return { operations, wrote: steps.some(({ value }) => value !== undefined) };
    },
  };
}

/** Bytes that can be told from every other large value's. */
export function largeValue(id: number, index: number): Uint8Array {
  const bytes = new Uint8Array(LARGE_BYTES + index).fill((id * 31 + index) & 0xff);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}
