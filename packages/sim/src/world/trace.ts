/** What happened, line by line. Two runs of one seed write the same lines. */
import { createHash } from 'node:crypto';

export class Trace {
  readonly #lines: string[] = [];

  add(timeMs: number, who: string, what: string): void {
    this.#lines.push(`${timeMs.toFixed(3)} ${who} ${what}`);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** SHA-256 of all lines, hexadecimal. */
  digest(): string {
    const hash = createHash('sha256');
    for (const line of this.#lines) hash.update(line).update('\n');
    return hash.digest('hex');
  }
}
