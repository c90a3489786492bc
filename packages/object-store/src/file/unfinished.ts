/**
 * Objects that can be seen before they are on the disk.
 *
 * A name can't be made and made durable in one step: link(2) comes first, fsync(2) of the folder second. In between,
 * or when the fsync fails or the writer dies, others see an object that a power failure would take back; what they
 * acknowledge because of it (a commit that somebody reads back, a record that is built upon) would be lost with it.
 *
 * So a file keeps its name under `.tmp/` until the folder of its object has been fsynced: by its writer, or by who
 * sweeps up after it. A file with such a name left is unfinished, and who meets it fsyncs the folder first. Objects
 * are looked up under `.tmp/` only where they have more than one link; links that are made elsewhere (backups) cost
 * that look, and mean nothing.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, isSame, statsOf } from './entry.js';
import { errno } from './failures.js';
import { isTempName } from './temp-names.js';

/**
 * @param temps the folder of unfinished files.
 * @returns true as well where that can't be found out.
 */
export async function isUnfinished(temps: string, file: Identity): Promise<boolean> {
  try {
    for (const name of await readdir(temps)) {
      if (!isTempName(name)) continue;
      const found = await statsOf(join(temps, name));
      if (found && isSame(found, file)) return true;
    }
    return false;
  } catch (error) {
    return errno(error) !== 'ENOENT';
  }
}
