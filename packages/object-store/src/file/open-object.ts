import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { entryAt, hasWay, isLink } from './entry.js';
import { errno } from './failures.js';

// Not following a link, not waiting for the other end of a pipe, not taking a terminal for one's own. Windows knows
// none of them.
const { O_NOFOLLOW, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants;
const flags = constants.O_RDONLY | (O_NOFOLLOW ?? 0) | O_NONBLOCK | O_NOCTTY;

/**
 * Opens what lies at `path` for reading. Undefined: nothing, or something that can't be opened because it is a folder.
 * @throws StoreError INVALID where a link is in the way.
 */
export async function openObject(root: string, path: string): Promise<FileHandle | undefined> {
  // Both at once, for this is what every strong read waits for: opening changes nothing, and what was opened behind a
  // link is not read.
  const way = O_NOFOLLOW === undefined ? entryAt(root, path) : hasWay(root, path);
  const [looked, opened] = await Promise.allSettled([way, open(path, flags)]);
  if (looked.status === 'rejected') {
    if (opened.status === 'fulfilled') await opened.value.close().catch(() => undefined);
    throw looked.reason;
  }
  if (opened.status === 'fulfilled') return opened.value;
  const code = errno(opened.reason);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
  // FreeBSD says EMLINK.
  if (code === 'ELOOP' || code === 'EMLINK') throw isLink(path);
  throw opened.reason;
}
