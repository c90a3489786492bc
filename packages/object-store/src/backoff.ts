import type { RandomBytes } from './clock.js';

export interface Backoff {
  /** The ceiling of the first pause, ms; each further one doubles it. */
  readonly firstMs: number;
  /** The ceiling of every pause. */
  readonly maxMs: number;
  /** The least pause, as a share of its ceiling: 0 (unless given) keeps rivals furthest apart, more spares the store. */
  readonly leastShare?: number | undefined;
}

/**
 * How long to wait before the next try: a random part of a ceiling that doubles (Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015: full jitter, or equal jitter with a least share of 1/2).
 * @param attempt from 0.
 */
export function jitteredMs(random: RandomBytes, attempt: number, backoff: Backoff): number {
  const { firstMs, maxMs, leastShare = 0 } = backoff;
  const bytes = random(4);
  const chance = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / (2 ** 32 - 1);
  return Math.min(firstMs * 2 ** attempt, maxMs) * (leastShare + (1 - leastShare) * chance);
}
