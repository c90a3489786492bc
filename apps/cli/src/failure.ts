/** From whatever was thrown to what the user is told: a code, a sentence, an exit code. Never a stack trace. */
import { HoldfastError, StoreError } from 'holdfast';
import { EXIT, type ExitCode } from './exit-codes.js';

/** The user can mend it by typing something else. */
export class UsageError extends Error {}

/** This machine would not read or write: a full disk, a bad one, too many open files. */
export class SystemFailure extends Error {}

export interface Failure {
  /** A HoldfastError's code, or USAGE, IO, INTERRUPTED, BUG. */
  readonly code: string;
  readonly message: string;
  readonly exitCode: ExitCode;
  readonly retryable: boolean;
  /** The command's writes may have taken effect. */
  readonly maybeCommitted: boolean;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof HoldfastError) {
    const { code, message, retryable, maybeCommitted } = error;
    return { code, message, exitCode: exitCodeOf(error), retryable, maybeCommitted };
  }
  const rest = { retryable: false, maybeCommitted: false };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { code: 'USAGE', message, exitCode: EXIT.usage, ...rest };
  if (error instanceof SystemFailure) return { code: 'IO', message, exitCode: EXIT.io, ...rest };
  if (error instanceof StoreError) {
    const refused = error.code === 'DENIED' || error.code === 'INVALID';
    const code = refused ? 'STORE_REFUSED' : 'UNAVAILABLE';
    return { ...rest, code, message, exitCode: EXIT.unavailable, retryable: !refused };
  }
  // Nobody said what was being done; the system did say why it failed, and that is no bug of ours.
  if (isSystemError(error)) {
    const { syscall = 'A system call', path } = error;
    const what = `${syscall}${path === undefined ? '' : ` of ${path}`}`;
    return { code: 'IO', message: `${what} failed: ${meaningOf(error)}.`, exitCode: EXIT.io, ...rest };
  }
  return {
    code: 'BUG',
    message: `${sentence(message)} This is a bug in holdfast. HOLDFAST_DEBUG=1 shows where it happened; please report it.`,
    exitCode: EXIT.bug,
    ...rest,
  };
}

function exitCodeOf({ code }: HoldfastError): ExitCode {
  switch (code) {
    case 'UNAVAILABLE':
    case 'OUTCOME_UNKNOWN':
    case 'STORE_REFUSED':
      return EXIT.unavailable;
    case 'CORRUPT':
    case 'FORK':
    case 'ROLLBACK':
      return EXIT.corrupt;
    case 'LIMIT_EXCEEDED':
      return EXIT.usage;
    default:
      return EXIT.refused;
  }
}

/** So that another one can follow. */
export function sentence(text: string): string {
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}

/** For calls whose only TypeErrors and RangeErrors are about what the user typed. */
export async function asUsage<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
}

function isSystemError(error: unknown): error is SystemError {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code);
}

/** Another name would do. */
const WRONG_NAME: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'it is on a file system that is read-only',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already, and nothing was overwritten',
  ELOOP: 'its symbolic links go in a circle',
  ENAMETOOLONG: 'the name is too long',
};

const WRONG_MACHINE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'it would be larger than a file may be here',
  EIO: 'the device failed to read or write',
  EMFILE: 'this process has too many files open (see `ulimit -n`)',
  ENFILE: 'this machine has too many files open',
  ENOMEM: 'there is not enough memory',
  EPIPE: 'its reader has gone',
};

function meaningOf({ code }: SystemError): string {
  const meaning = WRONG_NAME[code] ?? WRONG_MACHINE[code];
  return meaning === undefined ? code : `${meaning} (${code})`;
}

/**
 * Says a failed system call on a file that the user named, or on a standard stream: bad usage where another name
 * would do, else SystemFailure. Anything but a system error is passed on.
 * @param left what the failure leaves behind, as sentences.
 */
export function fileFailure(doing: string, path: string, error: unknown, left = ''): unknown {
  if (!isSystemError(error)) return error;
  const meaning = WRONG_NAME[error.code];
  const text = `Can't ${doing} ${path}: ${meaning ?? meaningOf(error)}.${left && ` ${left}`}`;
  return meaning === undefined
    ? new SystemFailure(text, { cause: error })
    : new UsageError(text, { cause: error });
}
