// Turns what a test leg left behind into "passed failed skipped" for .ci/run.
//
// Usage: node .ci/count.mjs <vitest's JSON report> <log> <exit code>
// Without a report, a last line "N passed, N failed[, N skipped]" of the log counts. A leg that says neither, or
// whose exit code contradicts its numbers, has failed at least once.
import { existsSync, readFileSync } from 'node:fs';

const [reportPath, logPath, exitCode] = process.argv.slice(2);
const counts = (existsSync(reportPath) && fromReport()) || fromLog() || { passed: 0, failed: 0, skipped: 0 };
const says = counts.passed + counts.failed > 0;
if (counts.failed === 0 && (exitCode !== '0' || !says)) counts.failed = 1;
console.log(`${counts.passed} ${counts.failed} ${counts.skipped}`);

function fromReport() {
  let report;
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8'));
  } catch {
    return undefined; // The leg died while it was writing it.
  }
  // A file that could not even be loaded has no tests, and still is a failure.
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((each) => each.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

function fromLog() {
  const last = readFileSync(logPath, 'utf8').trimEnd().split('\n').at(-1);
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(last);
  return match && { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
}
