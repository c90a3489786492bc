/**
 * What an honest bucket may hold besides a database: what consoles, file browsers, backups and killed probes leave.
 * None of it is a name of ours, and none of it may hide or blind anything.
 */
import type { MemoryStore } from '@holdfast/object-store';
import type { Random } from './random.js';

const NOTHING = new Uint8Array(0);
const MANY = 2_500;

/** "Create folder" in a console. */
export const MARKERS: readonly string[] = ['', 'log/', 'seg/', 'man/'];

const litters: readonly ((tag: string) => string[])[] = [
  () => [...MARKERS],
  () => ['.DS_Store', 'log/.DS_Store', 'seg/.DS_Store', 'man/._x'],
  (tag) => [`log/${tag}zzz`, 'log/0', 'log/README.txt', 'log/~', 'log/ffffffffffffff', 'log/archive/0'],
  (tag) => Array.from({ length: 12 }, (_, i) => `probe/${tag}/${i}`),
  (tag) => [`backup-${tag}.tar`, 'seg/0-0', 'man/x', 'int/0/1', 'zzz'],
  // Sorted before every record.
  (tag) => Array.from({ length: MANY }, (_, i) => `log/!${tag}-${i}`),
];

/**
 * Puts some of it there; gives the names that are new.
 * @param crowded there are thousands already: no more thousands.
 */
export async function litter(server: MemoryStore, random: Random, crowded = false): Promise<string[]> {
  const choices = crowded ? litters.slice(0, -1) : litters;
  const names = random.pick(choices)(random.uint32().toString(36));
  const left: string[] = [];
  for (const name of names) {
    const { occupied } = await server.put(name, NOTHING, { ifAbsent: true });
    if (!occupied) left.push(name);
  }
  return left;
}
