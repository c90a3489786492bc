/** What `maintain` and `compact` have in common: how they show what is under way, and what they say of it afterwards. */
import type { CompactionProgress, CompactReport, Stats } from 'holdfast';
import type { Call } from './command.js';
import type { Json } from './json-values.js';
import { countOf, formatBytes, formatCount } from './output.js';

/** Shows each merge as it goes on, and says what an interruption leaves. */
export function showMerges(call: Call): (progress: CompactionProgress) => void {
  const bar = call.progress('compacting');
  const startedMs = performance.now();
  let done = { jobs: 0, bytes: 0 };
  let passed = 0;
  call.interrupted = () =>
    `${done.jobs === 0 ? 'Nothing was merged yet' : `${countOf(done.jobs, 'merge')} of segments ${done.jobs === 1 ? 'is' : 'are'} in the database`}; nothing is lost. Run the same command again to go on.`;
  return ({ jobs, bytes, bytesTotal, why }) => {
    if (jobs !== done.jobs) passed += done.bytes;
    done = { jobs, bytes };
    const seconds = (performance.now() - startedMs) / 1000;
    const rate = seconds > 0.5 ? `, ${formatBytes(Math.round((passed + bytes) / seconds))}/s` : '';
    bar.update(bytes, Math.max(1, bytesTotal), `merge ${formatCount(jobs + 1)}${rate}: ${why}`);
  };
}

export function mergesInWords({ jobs, dropped, bytesRead, bytesWritten }: CompactReport): string {
  const lost = dropped > 0 ? ` ${countOf(dropped, 'merge')} left to another process that was faster.` : '';
  if (jobs === 0) return `Nothing to merge.${lost}`;
  return `${countOf(jobs, 'merge')}: ${formatBytes(bytesRead)} read, ${formatBytes(bytesWritten)} written.${lost}`;
}

/** A table row for each level, as `stats` shows them. */
export function levelRows({ levels }: Stats): string[][] {
  return levels.map(({ level, runs, segments, bytes, entries }) => [
    level === BOTTOM_LEVEL ? 'bottom level' : `level ${level}`,
    `${countOf(runs, 'run')}, ${countOf(segments, 'segment')}, ${formatBytes(bytes)}, ${countOf(entries, 'entry', 'entries')}`,
  ]);
}

export function levelsAsJson({ levels, amplification }: Stats): Record<string, Json> {
  const { read, space } = amplification;
  return {
    levels: levels.map((level) => ({ ...level })),
    readAmplification: read,
    spaceAmplification: space,
  };
}

const BOTTOM_LEVEL = 254;
