/**
 * How long a store takes to answer, by kind of call and by writer: distributions that are told by two percentiles.
 *
 * Invariants:
 * - A call draws one number, whatever its kind: what a profile changes is how long calls take, not who draws what.
 * - Every figure that is drawn from is a whole number of microseconds: the same on every version of Node.
 */
import type { Random } from '../world/random.js';

export type CallKind = 'get' | 'put' | 'list' | 'delete';

/** Milliseconds from sending a request to having its answer. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export interface LatencyProfile {
  readonly name: string;
  readonly get: Percentiles;
  readonly put: Percentiles;
  readonly list: Percentiles;
  /** What a writer's latencies are multiplied by. */
  multipleOf(writer: number): number;
}

/** Standard normal quantiles at these fractions; what lies beyond the last is cut off. */
const QUANTILES: readonly (readonly [fraction: number, z: number])[] = [
  [0, -3.09],
  [0.01, -2.326],
  [0.1, -1.282],
  [0.25, -0.674],
  [0.5, 0],
  [0.75, 0.674],
  [0.9, 1.282],
  [0.99, 2.326],
  [1, 3.09],
];
const Z_OF_P99 = 2.326;

/** A log-normal distribution, as straight lines between its quantiles. */
export class LatencyCurve {
  readonly #points: readonly (readonly [fraction: number, ms: number])[];

  constructor({ p50, p99 }: Percentiles) {
    this.#points = QUANTILES.map(([fraction, z]) => [
      fraction,
      Math.round(p50 * (p99 / p50) ** (z / Z_OF_P99) * 1000) / 1000,
    ]);
  }

  draw(random: Random): number {
    return this.at(random.fraction());
  }

  /** @param fraction of calls that are answered sooner. */
  at(fraction: number): number {
    let from = this.#points[0]!;
    for (const to of this.#points) {
      if (fraction <= to[0]) {
        const width = to[0] - from[0];
        return width === 0 ? to[1] : from[1] + ((to[1] - from[1]) * (fraction - from[0])) / width;
      }
      from = to;
    }
    return from[1];
  }
}

const FIXED_MS = 50;
const even = (): number => 1;
/** Published figures of Amazon S3 Standard, asked from the same region. */
const S3 = {
  get: { p50: 63, p99: 78 },
  put: { p50: 100, p99: 195 },
  list: { p50: 63, p99: 78 },
} as const;

export function fixed(ms: number): LatencyProfile {
  const always = { p50: ms, p99: ms };
  const name = ms === FIXED_MS ? 'fixed' : `fixed:${ms}`;
  return { name, get: always, put: always, list: always, multipleOf: even };
}

export const profiles: readonly LatencyProfile[] = [
  fixed(FIXED_MS),
  { name: 's3', ...S3, multipleOf: even },
  // Every other writer is far away.
  { name: 's3-10:1', ...S3, multipleOf: (writer) => (writer % 2 === 0 ? 1 : 10) },
];

/** @returns undefined where there is none of that name: those of the list, and `fixed:` with milliseconds. */
export function profileOf(name: string): LatencyProfile | undefined {
  const ms = /^fixed:(\d+)$/.exec(name)?.[1];
  return ms && Number(ms) > 0 ? fixed(Number(ms)) : profiles.find((profile) => profile.name === name);
}

/** What figures are told in: the median PUT of a writer with the multiple 1, milliseconds. */
export function roundTripOf(profile: LatencyProfile): number {
  return profile.put.p50;
}
