/** What one conditional PUT of a small object takes, by the raw store: the unit in which contention is told. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectStore } from '@holdfast/object-store';
import { timed } from '../measure.js';
import { quantile } from '../stats.js';

/** About a record with one small write in it. */
const BYTES = 600;
const SAMPLES = 40;
const WARM_UPS = 5;
const BESIDE_EVERY_MS = 200;

/** The median without load. */
export async function measureRoundTrip(store: ObjectStore, signal: AbortSignal): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < WARM_UPS + SAMPLES; i++) {
    signal.throwIfAborted();
    const ms = await putOnce(store, `round-trip/${i}`);
    if (i >= WARM_UPS) samples.push(ms);
  }
  return quantile(samples, 0.5);
}

/** The median beside something that loads the machine, until that is over; a few PUTs a second add next to nothing. */
export async function measureBeside<T>(
  store: ObjectStore,
  action: Promise<T>,
): Promise<{ busyRoundTripMs: number; result: T }> {
  let over = false;
  const ended = action.finally(() => {
    over = true;
  });
  // Who waits for it below hears of a failure.
  ended.catch(() => {});
  const samples: number[] = [];
  for (let i = 0; !over; i++) {
    samples.push(await putOnce(store, `beside/${i}`));
    await Promise.race([ended.catch(() => {}), sleep(BESIDE_EVERY_MS)]);
  }
  return { result: await ended, busyRoundTripMs: quantile(samples, 0.5) };
}

async function putOnce(store: ObjectStore, key: string): Promise<number> {
  const bytes = randomBytes(BYTES);
  return (await timed(() => store.put(key, bytes, { ifAbsent: true }))).ms;
}
