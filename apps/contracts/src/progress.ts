/** Progress of long work: a bar on a terminal, plain lines anywhere else. */
import { SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 2_000;

export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: SingleBar | undefined;
  #lineMs: number;
  #value = 0;
  #note = '';

  /** @param total what `update` counts up to. */
  constructor(label: string, total: number, stream: NodeJS.WriteStream = process.stdout) {
    this.#label = label;
    this.#total = total;
    this.#stream = stream;
    this.#lineMs = performance.now();
    if (!stream.isTTY) return;
    this.#bar = new SingleBar({
      format: `${label.padEnd(8)} {bar} {percentage}%  {note}`,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 30,
      stream,
      fps: 10,
      // Who handles Ctrl-C is main.ts.
      gracefulExit: false,
    });
    this.#bar.start(total, 0, { note: '' });
  }

  update(value: number, note: string): void {
    this.#value = Math.min(value, this.#total);
    this.#note = note;
    this.#bar?.update(this.#value, { note });
    if (this.#bar || performance.now() - this.#lineMs < LINE_EVERY_MS) return;
    this.#lineMs = performance.now();
    this.#line(`${Math.floor((100 * this.#value) / Math.max(1, this.#total))}%`);
  }

  /** Says something between two states of the bar. */
  say(text: string): void {
    if (!this.#bar) return void this.#stream.write(`${text}\n`);
    this.#bar.stop();
    this.#stream.write(`${text}\n`);
    this.#bar.start(this.#total, this.#value, { note: this.#note });
  }

  /** Ends it; a bar is left as it is. */
  end(note: string = this.#note): void {
    this.#note = note;
    this.#bar?.update(this.#value, { note });
    this.#bar?.stop();
    if (!this.#bar) this.#line('done');
  }

  /** Leaves it unfinished. */
  abandon(): void {
    this.#bar?.stop();
  }

  #line(state: string): void {
    this.#stream.write(`${this.#label.padEnd(8)} ${state}  ${this.#note}\n`);
  }
}
