/**
 * Blind writes, and the order of versionstamps: of several that wrote one key the last one's value is there, and whoever
 * began after another had ended has the later stamp.
 */
import type { FinalEntry, FinalState } from './final-state.js';
import type { Ledger } from './ledger.js';
import type { Program } from './program.js';
import type { Verdict } from './verdict.js';

const BLIND_KEYS = 7;

/** Conflicts with nothing, and is written over by others. */
export function blindProgram(id: number): Program {
  return {
    id,
    role: 'blind',
    certain: [],
    async body(tx) {
      tx.set(['blind', id % BLIND_KEYS], id);
      tx.set(['mark', 'blind', id], true);
      return { operations: [], wrote: true };
    },
  };
}

/** The last writer of each key, by the marks' stamps, is whose value is there. */
export function judgeBlind(state: FinalState, verdict: Verdict): void {
  const last = new Map<number, FinalEntry>();
  for (const mark of state.get('mark') ?? []) {
    if (mark.key[1] !== 'blind') continue;
    const key = (mark.key[2] as number) % BLIND_KEYS;
    const known = last.get(key);
    if (!known || isBefore(known, mark)) last.set(key, mark);
  }
  const found = new Map((state.get('blind') ?? []).map((entry) => [entry.key[1] as number, entry]));
  for (let key = 0; key < BLIND_KEYS; key++) {
    const [expected, there] = [last.get(key)?.key[2], found.get(key)?.value];
    if (expected !== there)
      verdict.lost.push(
        `blind key ${key} is of ${String(there)}, and was last written by ${String(expected)}`,
      );
  }
}

/** No two transactions share a stamp, and stamps grow with time. */
export function judgeStamps(ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const marks = new Map((state.get('mark') ?? []).map((mark) => [mark.key[2] as number, mark]));
  const taken = new Map<string, number>();
  for (const [id, { version, order }] of marks) {
    const stamp = `${version}/${order}`;
    const other = taken.get(stamp);
    if (other !== undefined)
      verdict.anomalies.push(`Transactions ${other} and ${id} have one versionstamp, ${stamp}.`);
    taken.set(stamp, id);
  }
  const ended = ledger.deeds
    .filter(
      ({ outcome, returned, program }) =>
        outcome === 'committed' && returned !== null && marks.has(program.id),
    )
    .sort((a, b) => a.returned! - b.returned!);
  const begun = ledger.deeds
    .filter(({ program }) => marks.has(program.id))
    .sort((a, b) => a.invoked - b.invoked);
  let newest: { readonly id: number; readonly mark: FinalEntry } | undefined;
  let at = 0;
  for (const { program, invoked } of begun) {
    for (; at < ended.length && ended[at]!.returned! < invoked; at++) {
      const { id } = ended[at]!.program;
      const mark = marks.get(id)!;
      if (!newest || isBefore(newest.mark, mark)) newest = { id, mark };
    }
    const own = marks.get(program.id)!;
    if (newest && !isBefore(newest.mark, own))
      verdict.anomalies.push(
        `Transaction ${program.id} began after ${newest.id} had ended, and has an older versionstamp: version ${own.version}, not above ${newest.mark.version}.`,
      );
  }
}

function isBefore(a: FinalEntry, b: FinalEntry): boolean {
  return a.version < b.version || (a.version === b.version && a.order < b.order);
}
