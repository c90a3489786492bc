/**
 * What the objects of a probe are called: `probe/`, 12 hex digits of the time (milliseconds since the Unix epoch), 20 of
 * chance, `/` and a name that a probe gives. So leftovers are known for what they are, and for how old they are.
 */
import type { ObjectStore } from './object-store.js';

const FOLDER = 'probe/';
const ours = /^probe\/([0-9a-f]{12})[0-9a-f]{20}\/(plain\d?|twice|race|swap|missing|range)$/;

/** Longer than any probe takes, and than most clocks are wrong. */
const oldMs = 24 * 3_600_000;
const lookedAtMax = 1_000;

/** @returns whether a key (without the prefix that the probe was given) has the name of an object of a probe. */
export function isProbeObject(key: string): boolean {
  return ours.test(key);
}

/** @param chance 32 hex digits, of which 20 are used. */
export function probeFolder(prefix: string, nowMs: number, chance: string): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0').slice(-12);
  return `${prefix}${FOLDER}${time}${chance.slice(12)}/`;
}

/** Those that no probe can be working with any more. What has another name is somebody else's. */
export async function oldProbeObjects(
  store: ObjectStore,
  prefix: string,
  nowMs: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const old: string[] = [];
  for await (const { key } of store.list(`${prefix}${FOLDER}`, { limit: lookedAtMax, signal })) {
    const time = ours.exec(key.slice(prefix.length))?.[1];
    if (time !== undefined && nowMs - Number.parseInt(time, 16) > oldMs) old.push(key);
  }
  return old;
}
