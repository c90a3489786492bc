/**
 * How long commits wait where there are many writers: a stated number of round trips at most, while the store answers.
 *
 * A wait is from a call to its answer, without what its body pauses. It is told in round trips of its own writer: the
 * median PUT there and back. What was not answered, because the client or the machine was gone, has waited until then.
 */
import type { Trouble } from '../world/trouble-log.js';

export interface Wait {
  readonly id: number;
  readonly role: string;
  readonly machine: string;
  readonly roundTripMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Of that time, what the body paused. */
  readonly pausedMs: number;
  /** `error`, and `gone`, where its machine has died: not judged. */
  readonly end: 'ok' | 'error' | 'unanswered' | 'gone';
}

/** What is around the waits of one world. */
export interface WaitsWorld {
  readonly clients: number;
  /** What clients do. */
  readonly roles: readonly string[];
  /** How long a body pauses at most. */
  readonly bodyMs: number;
  /** Of the writer that is furthest away. */
  readonly slowestMs: number;
  readonly troubles: readonly Trouble[];
}

export interface WaitsReport {
  /** Held to the bound as it is. */
  readonly judged: number;
  /** Longer, by no more than what went wrong meanwhile takes. */
  readonly excused: number;
  /** Failed, or their machine died. */
  readonly left: number;
  /** Of those that conflict with nothing and met no trouble; round trips. */
  readonly longest: number;
  readonly problems: readonly string[];
}

/** What conflicts with nothing waits so many round trips of its own at most: as in a line of 64, and 8 more. */
export const WAIT_ROUND_TRIPS = 72;
/** Besides, for those who make records, or have their turns, before: so many round trips of the slowest. */
export const TURNS_ROUND_TRIPS = 8;
/** What conflicts itself waits for everybody once: so many round trips of the slowest each, and what bodies pause. */
export const QUEUE_ROUND_TRIPS = 12;
/** Of one whose turn it is. */
const BODIES = 2;
/** Segments and the parts of streams are uploaded first. */
const UPLOAD_ROUND_TRIPS = 16;
const UPLOADS: ReadonlySet<string> = new Set(['large', 'streams']);
const CONFLICT_FREE: ReadonlySet<string> = new Set(['blind', 'adds', 'careless', ...UPLOADS]);
/** After something went wrong for a writer, or for all: the longest pause before a try, and round trips. */
const PAUSE_MS = 5_000;
const RECOVERY_ROUND_TRIPS = 10;
/** After something went wrong for another: the silence that is noticed, and what comes then. */
const SILENCE_ROUND_TRIPS = 6;

export function judgeWaits(waits: readonly Wait[], world: WaitsWorld): WaitsReport {
  const problems: string[] = [];
  let [judged, excused, left, longest] = [0, 0, 0, 0];
  for (const wait of waits) {
    const { end, role, id, roundTripMs } = wait;
    if (end === 'error' || end === 'gone') {
      left++;
      continue;
    }
    const waitedMs = wait.toMs - wait.fromMs - wait.pausedMs;
    const boundMs = boundOf(wait, world);
    const forgivenMs = forgiven(wait, world);
    const isFree = CONFLICT_FREE.has(role) && !UPLOADS.has(role);
    if (forgivenMs === 0 && isFree) longest = Math.max(longest, waitedMs / roundTripMs);
    if (waitedMs <= boundMs) judged++;
    else if (waitedMs <= boundMs + forgivenMs) excused++;
    else {
      const trips = (ms: number): string => `${(ms / roundTripMs).toFixed(1)} round trips`;
      problems.push(
        `${role} ${id} at ${wait.machine} waited ${trips(waitedMs)} of ${roundTripMs} ms from ${wait.fromMs.toFixed(3)}, ${end}; expected at most ${trips(boundMs)}, and ${trips(forgivenMs)} for what went wrong.`,
      );
    }
  }
  return { judged, excused, left, longest, problems };
}

function boundOf({ role, roundTripMs }: Wait, { clients, roles, bodyMs, slowestMs }: WaitsWorld): number {
  const uploads = UPLOADS.has(role) ? UPLOAD_ROUND_TRIPS : 0;
  const ownMs = (WAIT_ROUND_TRIPS + uploads) * roundTripMs;
  if (!CONFLICT_FREE.has(role)) return ownMs + clients * (QUEUE_ROUND_TRIPS * slowestMs + BODIES * bodyMs);
  const othersMs = ownMs + TURNS_ROUND_TRIPS * slowestMs;
  return roles.every((each) => CONFLICT_FREE.has(each)) ? othersMs : othersMs + BODIES * bodyMs;
}

/** How much of a wait lies within or soon after what went wrong. */
function forgiven({ machine, roundTripMs, fromMs, toMs }: Wait, { troubles }: WaitsWorld): number {
  const spans = troubles
    .map((trouble): [number, number] =>
      trouble.who === undefined || trouble.who === machine
        ? [trouble.fromMs, trouble.toMs + RECOVERY_ROUND_TRIPS * roundTripMs + PAUSE_MS]
        : [trouble.fromMs, trouble.fromMs + SILENCE_ROUND_TRIPS * roundTripMs],
    )
    .filter(([from, to]) => from < toMs && to > fromMs)
    .sort(([a], [b]) => a - b);
  let sum = 0;
  let untilMs = fromMs;
  for (const [from, to] of spans) {
    const beginMs = Math.max(from, untilMs);
    const endMs = Math.min(to, toMs);
    if (endMs <= beginMs) continue;
    sum += endMs - beginMs;
    untilMs = endMs;
  }
  return sum;
}
