import type { Clock } from '@holdfast/object-store';

/**
 * Whether `work` ends within `ms`. Asked of the timer, not of the clock again: that may say a little less.
 * Leaves no timer behind, and what becomes of late work is its own affair.
 * @throws what `work` fails with in that time.
 */
export async function inTime(clock: Clock, work: Promise<unknown>, ms: number): Promise<boolean> {
  let cancel = (): void => {};
  const late = new Promise<false>((resolve) => {
    cancel = clock.after(ms, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    cancel();
  }
}
