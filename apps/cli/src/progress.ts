/** A bar on the terminal's standard error for work that takes a while; nothing where there is no terminal. */
import { Presets, SingleBar } from 'cli-progress';
import { visible } from './visible.js';

export interface Progress {
  /** @param done of `total`; a total of undefined: how much there is to come isn't known. */
  update(done: number, total: number | undefined, detail: string): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

export function createProgress(label: string, options: { silent: boolean }): Progress {
  const stream = process.stderr;
  if (options.silent || !stream.isTTY) return SILENT;
  let bar: SingleBar | undefined;
  let sized: boolean | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, text) {
      const detail = visible(text);
      if (bar && sized !== (total !== undefined)) stop();
      if (!bar) {
        sized = total !== undefined;
        const format = sized ? `${label} {bar} {percentage}%  {detail}` : `${label}  {detail}`;
        const settings = {
          stream,
          format,
          hideCursor: true,
          clearOnComplete: true,
          fps: 8,
          gracefulExit: false,
        };
        bar = new SingleBar(settings, Presets.shades_classic);
        bar.start(total ?? 1, 0, { detail });
      }
      if (total !== undefined) bar.setTotal(total);
      bar.update(total === undefined ? 0 : done, { detail });
    },
    stop,
  };
}
