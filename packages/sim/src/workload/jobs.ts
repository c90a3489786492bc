/**
 * A queue: whoever comes takes the first job, or puts some in where there is none.
 *
 * Invariant: a mark says what its transaction did, so that the marks together give what is left.
 */
import type { Transaction as EngineTransaction } from '@holdfast/mvcc';
import type { FinalState } from './final-state.js';
import type { Around, Program, Result } from './program.js';
import type { Verdict } from './verdict.js';

const JOBS_AT_ONCE = 5;

/** What a transaction did: put so many in, or took one of another. */
type Done = { readonly put: number } | { readonly took: readonly [by: number, index: number] };

export function jobProgram(id: number): Program {
  return {
    id,
    role: 'jobs',
    certain: [],
    async body(tx: EngineTransaction, { pause }: Around): Promise<Result> {
      const job = await tx.first({ prefix: ['job'] });
      await pause();
      let done: Done;
      if (job) {
        const [, by, index] = job.key as [string, number, number];
        tx.delete(job.key);
        done = { took: [by, index] };
      } else {
        for (let index = 0; index < JOBS_AT_ONCE; index++) tx.set(['job', id, index], true);
        done = { put: JOBS_AT_ONCE };
      }
      tx.set(['mark', 'jobs', id], done);
      return { operations: [], wrote: true };
    },
  };
}

/** Each job is taken once or is there, and none that nobody put in is either. */
export function judgeJobs(state: FinalState, verdict: Verdict): void {
  const left = new Set((state.get('job') ?? []).map(({ key }) => `${key[1]}/${key[2]}`));
  const marks = (state.get('mark') ?? []).filter(({ key }) => key[1] === 'jobs');
  const jobs = new Set<string>();
  for (const { key, value } of marks) {
    const done = value as Done;
    if ('put' in done) for (let index = 0; index < done.put; index++) jobs.add(`${key[2]}/${index}`);
  }
  const taken = new Set<string>();
  for (const { key, value } of marks) {
    const done = value as Done;
    if ('put' in done) continue;
    const job = done.took.join('/');
    if (taken.has(job)) verdict.doubled.push(`job ${job} was taken twice, the second time by jobs ${key[2]}`);
    if (left.has(job)) verdict.lost.push(`job ${job} was taken by jobs ${key[2]}, and is there`);
    if (!jobs.has(job)) verdict.anomalies.push(`job ${job} was taken, and nobody put it in.`);
    taken.add(job);
  }
  for (const job of jobs)
    if (!left.has(job) && !taken.has(job)) verdict.lost.push(`job ${job} is gone, and nobody took it`);
  for (const job of left)
    if (!jobs.has(job)) verdict.anomalies.push(`job ${job} is there, and nobody put it in.`);
}
