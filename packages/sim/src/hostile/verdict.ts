/** What an examination found, and what that means. */
import { HoldfastError } from '@holdfast/core';

export interface Finding {
  /** Codes of the refusals. */
  readonly codes: readonly string[];
  /** Reads that returned what is not true, that failed without a code, or that never ended. */
  readonly wrong: readonly string[];
  /** Undefined: it was not asked. */
  readonly verifyOk: boolean | undefined;
  /** The version that was read; undefined: the database did not open. */
  readonly version: number | undefined;
}

export type Verdict =
  /** A read refused with a code, and no read returned anything wrong. */
  | 'noticed'
  /** All that was read is right; `verify` names the problem. */
  | 'verify'
  /** An older state, whole and right for the version it says it is: a rollback, which a new process can't tell. */
  | 'older'
  /** All that was read is right, and there is nothing to be found. */
  | 'harmless'
  /** Something wrong was returned, or a failure has no name: never to happen. */
  | 'silent';

/** The codes that say that what the store showed is not what was written. */
const SOUND_CODES: ReadonlySet<string> = new Set(['CORRUPT', 'FORK', 'WRONG_KEY', 'UNSUPPORTED_FORMAT']);

/** @param version the newest one of the honest image. @param alsoSound further codes that are an answer here. */
export function judge(finding: Finding, version: number, alsoSound: readonly string[] = []): Verdict {
  const { codes, wrong, verifyOk } = finding;
  if (wrong.length > 0) return 'silent';
  if (codes.some((code) => !SOUND_CODES.has(code) && !alsoSound.includes(code))) return 'silent';
  if (codes.length > 0) return 'noticed';
  if (finding.version !== undefined && finding.version < version) return 'older';
  if (verifyOk === false) return 'verify';
  return verifyOk === undefined ? 'silent' : 'harmless';
}

/** Why it is silent. */
export function reasonOf({ codes, wrong }: Finding): string {
  if (wrong.length > 0) return wrong.slice(0, 3).join('; ');
  return codes.length > 0 ? `unexpected codes ${codes.join(', ')}` : 'nothing noticed it';
}

/** Collects a finding, read by read. */
export class Notes {
  readonly codes: string[] = [];
  readonly wrong: string[] = [];

  failed(what: string, error: unknown): void {
    if (error instanceof HoldfastError) this.codes.push(error.code);
    else this.wrong.push(`${what} failed without a code: ${String((error as Error)?.stack ?? error)}`);
  }
}
