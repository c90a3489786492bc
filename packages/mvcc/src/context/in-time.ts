import type { Clock } from '@holdfast/object-store';

/**
 * Whether `work` ends within `ms`. Asked of the timer, not of the clock again: that may say a little less.
 * Leaves no timer behind.
 */
export async function inTime(clock: Clock, work: Promise<unknown>, ms: number): Promise<boolean> {
  const stop = new AbortController();
  const late = clock.sleep(ms, stop.signal).then(
    () => false,
    () => true,
  );
  const ended = await Promise.race([work.then(() => true), late]);
  // With a reason, which spares the making of an exception.
  stop.abort('over');
  return ended;
}
