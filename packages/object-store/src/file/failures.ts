/** What the operating system's errors mean to the caller of a store, and what to do about them. */
import { StoreError, type StoreErrorCode } from '../errors.js';

/** The `code` of a failed system call; undefined for every other error, an aborted signal's reason among them. */
export function errno(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^E(?!RR_)[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** An error as the system would have given it. */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

const noSpace = 'Nothing was written. Free space there, or raise the quota, and try again.';
const noRight = 'Give this process the right to read and write that folder and all in it.';
const noName = 'Another file or folder is in the way: no object key may be a folder of another one.';
const noLink = 'The file system gives a file no second name (hard link), which safe creates need.';
const noPlainFile =
  'What lies there is no plain file, and no object: find out who put it there, and remove it.';
const tooMany = 'Nothing was done. Close files or raise the limit of open files (ulimit -n), and try again.';

const meanings: Record<string, readonly [StoreErrorCode, string]> = {
  ENOSPC: ['INVALID', `The disk is full. ${noSpace}`],
  EDQUOT: ['INVALID', `The disk quota is used up. ${noSpace}`],
  EFBIG: [
    'INVALID',
    'The file is larger than the file system or this process may write. Nothing was written.',
  ],
  EROFS: ['INVALID', 'The file system is read-only. Mount it writable, or choose another folder.'],
  EACCES: ['DENIED', noRight],
  EPERM: ['DENIED', noRight],
  ENOTDIR: ['INVALID', noName],
  EISDIR: ['INVALID', noName],
  ENOTEMPTY: ['INVALID', noName],
  ELOOP: ['INVALID', 'A symbolic link is in the way: objects are plain files.'],
  ENXIO: ['INVALID', noPlainFile],
  ENODEV: ['INVALID', noPlainFile],
  ENAMETOOLONG: ['INVALID', 'The path is too long for the file system. Choose a shorter folder or prefix.'],
  EXDEV: ['INVALID', 'The whole folder must lie on one file system, with nothing mounted inside it.'],
  EMLINK: ['INVALID', `${noLink} Choose a local folder; let no backup keep that many links.`],
  ENOTSUP: ['INVALID', `${noLink} Choose a local folder.`],
  EOPNOTSUPP: ['INVALID', `${noLink} Choose a local folder.`],
  ENOSYS: ['INVALID', `${noLink} Choose a local folder.`],
  EMFILE: ['UNAVAILABLE', tooMany],
  ENFILE: ['UNAVAILABLE', tooMany],
  ENOMEM: ['UNAVAILABLE', 'The system is out of memory. Nothing was done. Try again.'],
  ENOENT: [
    'UNAVAILABLE',
    'The folder, or the unfinished file, was removed meanwhile. Nothing was done. Try again.',
  ],
};

/** The failure of a call that is known to have changed nothing. */
export function failed(error: unknown, doing: string): Error {
  const code = errno(error);
  if (error instanceof StoreError || code === undefined) return error as Error;
  const [meaning, advice] = meanings[code] ?? [
    'UNAVAILABLE',
    'Nothing was done. Try again; if it stays, check the disk.',
  ];
  return new StoreError(meaning, `${doing} failed with ${code}. ${advice}`, { cause: error });
}

/**
 * The failure of the system call that makes a write visible. Errors with a meaning of their own are answers that
 * it did not happen; others (EIO, a time-out of a network file system) leave it open.
 */
export function failedVisibly(error: unknown, doing: string): Error {
  const code = errno(error);
  if (error instanceof StoreError || code === undefined || code in meanings) return failed(error, doing);
  return outcomeUnknown(error, doing);
}

/** The failure of link(2). It has EPERM for file systems that have no hard links (FAT, exFAT). */
export function linkFailed(error: unknown, doing: string): Error {
  if (errno(error) !== 'EPERM') return failedVisibly(error, doing);
  return new StoreError('INVALID', `${doing} failed with EPERM. ${noLink} Choose a local folder.`, {
    cause: error,
  });
}

/** The write can be seen, and nobody knows whether it would outlive a power failure. */
export function outcomeUnknown(error: unknown, doing: string): StoreError {
  return new StoreError(
    'UNKNOWN_OUTCOME',
    `${doing} failed with ${errno(error) ?? error}, maybe after it took effect. Read the object back; check the disk.`,
    { cause: error },
  );
}

// C0, C1, and what turns the direction of text or breaks its line.
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** A path as a message may show it: whoever can make a file could otherwise write to a terminal through its name. */
export function shown(path: string): string {
  return path.replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
