/** The wall clock, as a record can say it. */
import type { Clock } from '@holdfast/object-store';

/** Whole milliseconds since 1970: a clock may show parts of them, or stand before that. */
export function wallMs(clock: Clock): number {
  return Math.max(0, Math.floor(clock.now()));
}
