/**
 * The resident memory that an import and a scan take at most, each in a process of its own, on the file store.
 * What is measured is the process's peak as the operating system counts it, Node's own 45 MB or so included.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measure, Row, Stage } from '../measure.js';
import { summarize } from '../stats.js';

export interface MemoryOrder {
  readonly folder: string;
  readonly task: 'import-counters' | 'import-records' | 'scan' | 'load' | 'load-shuffled';
  readonly amount: number;
}

export interface MemoryAnswer {
  readonly peakMB: number;
  readonly seconds: number;
  readonly entries: number;
}

const MB = 1_000_000;

export const memory: Measure = {
  name: 'memory',
  networks: 'direct',
  async run(stage: Stage): Promise<Row[]> {
    const { importRecords: records, memoryScanBytes } = stage.scale;
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
    try {
      const size = `${Math.round(memoryScanBytes / MB)} MB`;
      const tasks = [
        {
          order: { folder: join(folder, 'a'), task: 'import-counters', amount: records },
          what: `import of ${records} records`,
        },
        {
          order: { folder: join(folder, 'b'), task: 'import-records', amount: memoryScanBytes },
          what: `import of ${size}`,
        },
        {
          order: { folder: join(folder, 'b'), task: 'scan', amount: memoryScanBytes },
          what: `scan of ${size}`,
        },
        {
          order: { folder: join(folder, 'c'), task: 'load', amount: memoryScanBytes },
          what: `load of ${size} in key order`,
        },
        {
          order: { folder: join(folder, 'd'), task: 'load-shuffled', amount: memoryScanBytes },
          what: `load of ${size} in no order`,
        },
      ] as const;
      const rows: Row[] = [];
      for (const { order, what } of tasks) {
        stage.progress(what);
        const { peakMB, seconds, entries } = await inChild(order, stage.signal);
        rows.push({
          measure: this.name,
          what: `peak resident memory, ${what}`,
          network: 'file store',
          unit: 'MB',
          ours: summarize([peakMB]),
          target: { atMost: 300 },
          facts: { entries, seconds: Number(seconds.toFixed(1)) },
        });
      }
      return rows;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function inChild(order: MemoryOrder, signal: AbortSignal): Promise<MemoryAnswer> {
  const program = fileURLToPath(new URL('../memory-process.js', import.meta.url));
  const child = fork(program, [JSON.stringify(order)], { execArgv: [], signal });
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as MemoryAnswer));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`The process that ${order.task}s ended with code ${code}.`)),
    );
  });
}
