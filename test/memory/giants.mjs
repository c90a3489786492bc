/** What both readers of giants do: ask, and count what was refused in words. */
import { HoldfastError } from 'holdfast';
import { report } from './report.mjs';

const GUARD_MIB = 600;

// A reader without bounds must not take the machine with it: its peak says enough.
setInterval(() => {
  if (process.memoryUsage.rss() < GUARD_MIB * 2 ** 20) return;
  finish('ended early: it took too much');
}, 10).unref();

/** @type {string[]} */
const unnamed = [];
/** @type {Record<string, string>} */
const codes = {};

/**
 * @param {string} what
 * @param {() => Promise<unknown>} read
 * @param {boolean} [mayBeRight] it may also read on: what it needs may lie before the giant's zeros.
 */
export async function refused(what, read, mayBeRight = false) {
  try {
    const value = await read();
    if (mayBeRight) codes[what] = 'read';
    else unnamed.push(`${what}: resolved to ${JSON.stringify(value)?.slice(0, 100)}`);
  } catch (error) {
    if (error instanceof HoldfastError) codes[what] = error.code;
    else unnamed.push(`${what}: ${error?.name} ${error?.message}`.slice(0, 200));
  }
}

/** @param {string} [why] */
export function finish(why) {
  report({ codes, unnamed: why ? [...unnamed, why] : unnamed });
  process.exit(0);
}
