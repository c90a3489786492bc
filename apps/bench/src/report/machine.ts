/** What the figures depend on besides the code. */
import { cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryGB: number;
  readonly platform: string;
  readonly node: string;
  /** Processes that wanted a CPU, on average over the last minute. */
  readonly load1: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpus: all.length,
    cpuModel: all[0]?.model.trim() ?? 'unknown',
    memoryGB: Math.round(totalmem() / 1e9),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    load1: Number(loadavg()[0]!.toFixed(2)),
  };
}
