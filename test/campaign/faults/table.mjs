/** The end of a campaign, as a plain table: a row for each figure, a column for each server. */

/** @param {Awaited<ReturnType<import('./conductor.mjs').runFaults>>[]} reports */
export function tableOf(reports) {
  /** @type {[string, ...(string | number)[]][]} */
  const rows = [
    ['', ...reports.map(({ server }) => server)],
    [
      'acknowledged transactions',
      ...reports.map(({ acknowledged: a }) => (a?.writes ?? 0) + (a?.reads ?? 0)),
    ],
    ['  of them wrote', ...reports.map(({ acknowledged: a }) => a?.writes ?? 0)],
    ['  of them requests', ...reports.map(({ requests }) => requests ?? 0)],
    ['told that they did not happen', ...reports.map(({ aborted }) => aborted ?? 0)],
    ['unknown outcomes', ...reports.map(({ unknown }) => unknown?.all ?? 0)],
    ['  found to have happened', ...reports.map(({ unknown }) => unknown?.committed ?? 0)],
    ['  found not to have', ...reports.map(({ unknown }) => unknown?.not ?? 0)],
    ['  without a trace to tell by', ...reports.map(({ unknown }) => unknown?.readsOrOverwritten ?? 0)],
    ['records in the log', ...reports.map(({ records }) => records ?? 0)],
    ['lost races for a slot', ...reports.map(({ totals }) => totals.rebases)],
    ['conflicts', ...reports.map(({ totals }) => totals.conflicts)],
    ['flushes', ...reports.map(({ totals }) => totals.flushes)],
    ['tips found anew by listing', ...reports.map(({ totals }) => totals.relocations)],
    ['errors: UNAVAILABLE', ...reports.map(({ totals }) => totals.unavailable)],
    ['  UNAVAILABLE, fenced off', ...reports.map(({ totals }) => totals.fenced)],
    ['  OUTCOME_UNKNOWN', ...reports.map(({ totals }) => totals.outcomeUnknown)],
    ['processes', ...reports.map(({ counts }) => counts.processes)],
    ['  SIGKILLed', ...reports.map(({ counts }) => counts.kills)],
    ['  SIGSTOPped for a while', ...reports.map(({ counts }) => counts.pauses)],
    ['  all but one, times', ...reports.map(({ counts }) => counts.lonely)],
    ['  of one transaction', ...reports.map(({ counts }) => counts.shortLived)],
    ['requests to the store', ...reports.map(({ proxy }) => proxy.requests)],
    ...[...new Set(reports.flatMap(({ proxy }) => Object.keys(proxy.fates)))]
      .filter((fate) => fate !== 'passes')
      .sort()
      .map(
        (fate) =>
          /** @type {[string, ...number[]]} */ ([
            `  ${fate}`,
            ...reports.map(({ proxy }) => proxy.fates[fate] ?? 0),
          ]),
      ),
    ['  in the slow tail', ...reports.map(({ proxy }) => proxy.tail)],
    ['  held up by a stall', ...reports.map(({ proxy }) => proxy.stalledRequests)],
    ['stalls', ...reports.map(({ proxy }) => proxy.stalls)],
    ['late PUTs that the store took', ...reports.map(({ proxy }) => proxy.landed)],
    ['late PUTs that it refused', ...reports.map(({ proxy }) => proxy.refused)],
    ['store killed', ...reports.map(({ recoveries }) => recoveries?.length ?? 0)],
    ['  kill to its next PUT, ms', ...reports.map((r) => list(r.recoveries?.map((it) => it.storeMs)))],
    [
      '  then to the next commit, ms',
      ...reports.map((r) => list(r.recoveries?.map((it) => it.answeringToCommitMs))),
    ],
    [
      '  kill to the next commit, ms',
      ...reports.map((r) => list(r.recoveries?.map((it) => it.killToCommitMs))),
    ],
    ['longest time without a commit, ms', ...reports.map(({ longest }) => longest ?? 0)],
    ['least of a process / most, in 20 s', ...reports.map(({ fairness: f }) => share(f.ratio))],
    ['  in the worst tenth of them', ...reports.map(({ fairness: f }) => share(f.tenth))],
    ['  writes in the worst', ...reports.map(({ fairness: f }) => ends(f.worst))],
    ['  processes compared, times', ...reports.map(({ fairness: f }) => times(f))],
    ['wait for an end, p50, p99, max, ms', ...reports.map(({ fairness: f }) => waits(f.waitMs))],
    ['  max while the store was up, ms', ...reports.map(({ fairness: f }) => f.waitMs.maxUndisturbed ?? '-')],
    ['transactions checked as one history', ...reports.map(({ checked }) => checked?.history ?? 0)],
    ['seconds of work', ...reports.map(({ seconds }) => Math.round(seconds))],
    ['seconds with settling and judging', ...reports.map(({ wholeSeconds }) => Math.round(wholeSeconds))],
    ['anomalies', ...reports.map(({ problems }) => problems.length)],
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])))
        .join('  '),
    )
    .join('\n');
}

/** @param {number[] | undefined} numbers */
function list(numbers) {
  return numbers && numbers.length > 0 ? numbers.join(', ') : '-';
}

/** @param {number | undefined} ratio */
function share(ratio) {
  return ratio === undefined ? '-' : ratio.toFixed(2);
}

/** @param {{ least: number, most: number } | undefined} window */
function ends(window) {
  return window ? `${window.least} / ${window.most}` : '-';
}

/** @param {{ processes?: number, windows: number }} fairness */
function times({ processes, windows }) {
  return processes === undefined ? '-' : `${processes}, ${windows}`;
}

/** @param {{ p50?: number, p99?: number, max?: number }} waitMs */
function waits({ p50, p99, max }) {
  return max === undefined ? '-' : `${p50}, ${p99}, ${max}`;
}
