/**
 * The people who use the contracts: each is a script that yields a call, gets its result, and goes on.
 *
 * What they do is drawn from a seeded generator, so that two runs differ only in how their calls interleave.
 */
import type { Standing } from './contracts/auction.js';
import type { Call } from './dispatch.js';

export type Script = Generator<Call, never, unknown>;

const ROOMS = ['hall', 'kitchen', 'garden'];
const LOTS = ['lamp', 'clock'];
const COUNTRIES = ['AD', 'BR', 'DE', 'FR', 'IN', 'IS', 'JP', 'KE', 'NZ', 'US'];
const INITIALS = ['', 'B', 'Ma', 'Sa', 'To'];
const REMARKS = ['good morning', 'has anyone seen the lamp?', 'who bids?', 'it rains', 'see you there'];

/**
 * @param neighbour whose pasteboard is looked at, in vain.
 * @param rounds how often this visitor has been round before.
 */
export function* visitor(name: string, neighbour: string, seed: number, rounds = 0): Script {
  const below = draws(seed + rounds);
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!;
  for (let round = rounds + 1; ; round++) {
    yield { contract: 'counter', method: 'incBy', args: { name: 'visits', by: 1 + below(9) } };
    yield {
      contract: 'chat',
      method: 'say',
      args: { room: one(ROOMS), text: `${one(REMARKS)} (${name}, ${round})` },
    };
    yield { contract: 'counter', method: 'count', args: { name: 'steps', by: 1 + below(99) } };

    const paste = `note ${below(3)}`;
    const text = `${name} keeps this to themselves, ${round}`;
    yield { contract: 'pasteboard', method: 'put', args: { name: paste, text } };
    yield { contract: 'pasteboard', method: 'read', args: { owner: name, name: paste } };
    yield { contract: 'pasteboard', method: 'read', args: { owner: neighbour, name: paste } };

    const lot = one(LOTS);
    const highest = (yield { contract: 'auction', method: 'highest', args: { lot } }) as Standing | undefined;
    // Others bid meanwhile: some of these come too late and are refused.
    yield {
      contract: 'auction',
      method: 'bid',
      args: { lot, amount: (highest?.amount ?? 0) + 1 + below(5) },
    };

    yield {
      contract: 'gazetteer',
      method: 'citiesOf',
      args: { country: one(COUNTRIES), startsWith: one(INITIALS) },
    };
    yield { contract: 'chat', method: 'latest', args: { room: one(ROOMS), limit: 5 } };
  }
}

const NAMES = ['ada', 'bo', 'cyd', 'dee'];

/** The visitors whom one worker serves at the same time. */
export function visitorsOf(worker: number): string[] {
  return NAMES.map((name) => `${name}-${worker}`);
}

/** Which worker serves a visitor. */
export function workerOf(visitor: string): number {
  return Number(visitor.slice(visitor.lastIndexOf('-') + 1));
}

/** Mulberry32: whole numbers from 0 to below n. */
function draws(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
