/** Who the clients of a world are: all alike, or where there are many writers, each as it likes and some passing by. */
import { Random } from '../world/random.js';
import { NAMINGS, type Naming, type Role, type Scenario } from '../world/shape.js';

/** One client's part. */
export interface Part {
  readonly name: string;
  /** Which of many databases it asks as a rule; undefined: any. */
  readonly home: number | undefined;
  readonly roles: readonly Role[];
  readonly transactions: number;
  readonly thinkMs: number;
  /** How long a body pauses at most, if it does. */
  readonly pauseMs: number;
  readonly requests: Naming;
}

const PAUSE_MS = 3_000;
/** Where many wait for each other. */
export const SHORT_PAUSE_MS = 200;
const VISITS = 5;
const VISITOR_THINKS_MS = 6_000;

export function crowdOf(scenario: Scenario): Part[] {
  const { seed, clients, contention, roles, transactions, thinkMs, requests } = scenario;
  const writers = contention ? clients - contention.visitors : clients;
  const random = new Random(seed, 'crowd');
  return Array.from({ length: clients }, (_, i): Part => {
    const naming = requests === 'mixed' ? random.pick(NAMINGS) : requests;
    const common = { name: `c${i + 1}`, requests: naming, pauseMs: contention ? SHORT_PAUSE_MS : PAUSE_MS };
    if (i < writers) {
      const home = contention && i % contention.roundTripsMs.length;
      return { ...common, home, roles, transactions, thinkMs };
    }
    return {
      ...common,
      home: undefined,
      roles: contention!.visitorRoles,
      transactions: VISITS,
      thinkMs: VISITOR_THINKS_MS,
    };
  });
}
