import type { Measure } from '../measure.js';
import { coldIncrement } from './cold-increment.js';
import { commitLatency } from './commit-latency.js';
import { fullScan } from './full-scan.js';
import { groupCommit } from './group-commit.js';
import { hotReads } from './hot-reads.js';
import { load } from './load.js';
import { memory } from './memory.js';
import { openAndRead } from './open-and-read.js';
import { pointReads } from './point-reads.js';
import { rangeDeletes } from './range-deletes.js';
import { requests } from './requests.js';

/** In the order in which they run. */
export const measures: readonly Measure[] = [
  requests,
  commitLatency,
  groupCommit,
  load,
  coldIncrement,
  openAndRead,
  pointReads,
  hotReads,
  fullScan,
  rangeDeletes,
  memory,
];
