import type { Clock } from '@holdfast/object-store';

/**
 * Whether `work` ends within `ms`. Asked of the timer, not of the clock again: that may say a little less.
 * Leaves no timer behind, and what becomes of late work is its own affair.
 * @throws what `work` fails with in that time.
 */
export async function inTime(clock: Clock, work: Promise<unknown>, ms: number): Promise<boolean> {
  const stop = new AbortController();
  const late = clock.sleep(ms, stop.signal).then(
    () => false,
    () => true,
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    // With a reason, which spares the making of an exception.
    stop.abort('over');
  }
}
