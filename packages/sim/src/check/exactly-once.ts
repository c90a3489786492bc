/**
 * Exactly once: a request that was sent any number of times, by any number of processes, took effect once or
 * never, and all who were told of it were told the same.
 */
import { isDeepStrictEqual } from 'node:util';

/** What its senders know of one request. */
export interface RequestAccount {
  readonly id: string;
  /** How often it was sent. */
  readonly sends: number;
  /** The result of each send that was acknowledged. */
  readonly acknowledged: readonly unknown[];
  /** What the database said of it when all was over, unasked requests having been closed. */
  readonly outcome:
    | { readonly status: 'committed'; readonly result: unknown }
    | { readonly status: 'closed' }
    | { readonly status: 'open' };
}

export interface ExactlyOnceProblem {
  readonly kind: /** Its effect is there more than once. */
    | 'doubled'
    /** It was acknowledged, or is told to be committed, and its effect is not there. */
    | 'absent'
    /** It was closed, and its effect is there, or somebody had been told that it was committed. */
    | 'closed-but-present'
    | 'closed-but-acknowledged'
    /** Two who were told its result were told different ones, or the outcome tells another. */
    | 'results-differ'
    /** What became of it is still not known, or it is told to be open after it was acknowledged. */
    | 'open'
    /** An effect of a request that nobody sent. */
    | 'garbage';
  readonly requestId: string;
  readonly message: string;
}

/**
 * @param effects of the final state: the request's id, once for each time that its effect is there.
 */
export function checkExactlyOnce(
  requests: readonly RequestAccount[],
  effects: Iterable<string>,
): ExactlyOnceProblem[] {
  const problems: ExactlyOnceProblem[] = [];
  const report = (kind: ExactlyOnceProblem['kind'], requestId: string, what: string): void => {
    problems.push({ kind, requestId, message: `Request ${JSON.stringify(requestId)} ${what}.` });
  };
  const counts = new Map<string, number>();
  for (const id of effects) counts.set(id, (counts.get(id) ?? 0) + 1);
  const known = new Set<string>();
  for (const { id, sends, acknowledged, outcome } of requests) {
    if (known.has(id))
      throw new RangeError(`checkExactlyOnce: expected one account for each request, found two of ${id}.`);
    if (sends > 0) known.add(id);
    const times = counts.get(id) ?? 0;
    if (times > 1) report('doubled', id, `took effect ${times} times; it was sent ${sends} times`);
    if (times === 0 && acknowledged.length > 0)
      report('absent', id, 'was acknowledged, and its effect is not there');
    else if (times === 0 && outcome.status === 'committed')
      report('absent', id, 'is told to be committed, and its effect is not there');
    if (outcome.status === 'closed') {
      if (times > 0) report('closed-but-present', id, 'was closed, and its effect is there');
      if (acknowledged.length > 0) report('closed-but-acknowledged', id, 'was acknowledged, and was closed');
    }
    if (outcome.status === 'open' && sends > 0)
      report('open', id, `is still open, after ${acknowledged.length} acknowledgements`);
    const results = outcome.status === 'committed' ? [...acknowledged, outcome.result] : acknowledged;
    const odd = results.find((result) => !isDeepStrictEqual(result, results[0]));
    if (results.some((result) => !isDeepStrictEqual(result, results[0])))
      report(
        'results-differ',
        id,
        `gave the results ${JSON.stringify(results[0])} and ${JSON.stringify(odd)}`,
      );
  }
  for (const id of counts.keys())
    if (!known.has(id)) report('garbage', id, 'has an effect, and nobody sent it');
  return problems;
}
