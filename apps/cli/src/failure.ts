/** From whatever was thrown to what the user is told: a code, a sentence, an exit code. Never a stack trace. */
import { HoldfastError, StoreError } from 'holdfast';
import { EXIT, type ExitCode } from './exit-codes.js';

/** The user can mend it by typing something else. */
export class UsageError extends Error {}

export interface Failure {
  /** A HoldfastError's code, or USAGE, INTERRUPTED, BUG. */
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
  if (error instanceof StoreError) {
    const refused = error.code === 'DENIED' || error.code === 'INVALID';
    const code = refused ? 'STORE_REFUSED' : 'UNAVAILABLE';
    return { ...rest, code, message, exitCode: EXIT.unavailable, retryable: !refused };
  }
  return {
    code: 'BUG',
    message: `${message}\nThis is a bug in holdfast. HOLDFAST_DEBUG=1 shows where it happened; please report it.`,
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

/** Says a failed system call on a file that the user named. */
export function fileFailure(doing: string, path: string, error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  const meaning: Record<string, string> = {
    ENOENT: 'there is no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    EEXIST: 'it exists already, and nothing was overwritten',
    ENOSPC: 'the disk is full',
  };
  return new UsageError(`Can't ${doing} ${path}: ${meaning[code] ?? code}.`, { cause: error });
}
