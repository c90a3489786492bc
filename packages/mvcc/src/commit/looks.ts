/** Looks into segments, so many at once. Most records need none, and pay for none. */
import pLimit, { type LimitFunction } from 'p-limit';

export type Looks = <T>(look: () => Promise<T>) => Promise<T>;

/** How many keys and ranges are asked for at once. */
const LOOKS_AT_ONCE = 128;

export function newLooks(): Looks {
  let limit: LimitFunction | undefined;
  return (look) => {
    limit ??= pLimit(LOOKS_AT_ONCE);
    return limit(look);
  };
}
