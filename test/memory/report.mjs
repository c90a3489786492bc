/** The last line of a measured process. */

const startedMs = performance.now();

/** Prints what was done, and the most memory that this process ever had. @param {object} done */
export function report(done) {
  const { maxRSS } = process.resourceUsage();
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  console.log(JSON.stringify({ ...done, seconds, peakMiB: Math.round(maxRSS / 1024) }));
}
