/**
 * Names of unfinished files, and which of them their writers have left behind.
 *
 * A name is `<scope>-<pid>-<start>-<random>`. The scope stands for one boot of one machine and one pid namespace,
 * for only there does a pid say who is alive; the start tells a process from a later one with its pid.
 *
 * Only what has such a name is ever swept: everything else is somebody's, and stays for ever.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { RandomBytes } from '../clock.js';
import { randomHex } from '../random.js';

/** No put takes this long; older files are nobody's. */
const ageMsMax = 3_600_000;

const namePattern = /^([0-9a-f]{16})-(\d{1,10})-(\d{1,20})-[0-9a-f]{32}$/;

let scopeOfThisProcess: string | undefined;

function ownScope(): string {
  const read = (what: () => string): string => {
    try {
      return what();
    } catch {
      return ''; // Not Linux.
    }
  };
  scopeOfThisProcess ??= createHash('sha256')
    .update(read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')))
    .update(read(() => readlinkSync('/proc/self/ns/pid')))
    .update(hostname())
    .digest('hex')
    .slice(0, 16);
  return scopeOfThisProcess;
}

/** A new name for this process. */
export function tempName(random: RandomBytes): string {
  return `${ownScope()}-${process.pid}-${startOf(process.pid) ?? 0}-${randomHex(random, 16)}`;
}

/** When a process began, in the kernel's ticks (proc(5), field 22 of stat); undefined where that can't be read. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the command in parentheses, may contain anything.
    return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function isRunning(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if ((error as { code?: string }).code === 'ESRCH') return false;
  }
  const found = startOf(pid);
  return found === undefined || start === '0' || found === start;
}

/** Whether a file of this name can be a store's own. */
export function isTempName(name: string): boolean {
  return namePattern.test(name);
}

/** Whether this is the name of an unfinished file whose writer is gone. */
export function isAbandoned(name: string, ageMs: number): boolean {
  const [, scope, pid, start] = namePattern.exec(name) ?? [];
  if (scope === undefined) return false;
  if (ageMs > ageMsMax) return true;
  if (scope !== ownScope()) return false;
  return !isRunning(Number(pid), start!);
}
