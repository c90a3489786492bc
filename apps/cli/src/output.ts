/**
 * Where text leaves: what a command answers, on standard output, and what it tells people, on standard error.
 *
 * Invariants:
 * - Text passes through `visible`; only `bytes` is written as it is, and never to a terminal.
 * - A write waits until the reader has taken the last one: memory stays bounded, however slow it is.
 * - A reader that has gone (`| head`) is an end, not a failure: ReaderGone stops the command, which exits with 0.
 */
import type { Writable } from 'node:stream';
import stringWidth from 'string-width';
import { fileFailure, UsageError } from './failure.js';
import { type Json, printJson } from './json-values.js';
import { visible } from './visible.js';

export class ReaderGone extends Error {}

const BUFFER_CHARACTERS = 64 * 1024;

/** Tells people something: one line on standard error. */
export function tell(text: string): void {
  process.stderr.write(`${visible(text)}\n`);
}

export class Output {
  readonly #stream: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly #name: string;
  readonly #left: string;
  #pending = '';

  /**
   * @param name what it is called when it can't be written.
   * @param left what a failure leaves behind, in a sentence.
   */
  constructor(stream: Writable, name = 'standard output', left = 'What it has got is not complete.') {
    this.#stream = stream;
    this.#name = name;
    this.#left = left;
    // Each write's own callback is told; without a listener the event would end the process.
    stream.on('error', () => {});
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY ?? false;
  }

  /** Columns of the terminal; undefined: it is none. */
  get columns(): number | undefined {
    return this.isTerminal ? this.#stream.columns || 80 : undefined;
  }

  /** @param text may hold tabs of ours; what it quotes was made visible before it was put between them. */
  async line(text: string): Promise<void> {
    this.#pending += `${visible(text, '\t')}\n`;
    if (this.#pending.length >= BUFFER_CHARACTERS) await this.flush();
  }

  /** A document, or one line of several. */
  json(json: Json): Promise<void> {
    return this.line(printJson(json));
  }

  /** Rows under each other; numbers are right-aligned. */
  async table(
    rows: readonly (readonly (string | number)[])[],
    options: { indent?: string } = {},
  ): Promise<void> {
    for (const row of alignRows(rows)) await this.line((options.indent ?? '') + row);
  }

  /** Text as it is, without a newline of ours; on a terminal only its own newlines and tabs are. */
  async text(text: string): Promise<void> {
    this.#pending += this.isTerminal ? visible(text, '\n\t') : text;
    await this.flush();
  }

  /** @throws UsageError on a terminal: bytes could be anything to it. */
  async bytes(bytes: Uint8Array): Promise<void> {
    if (this.isTerminal)
      throw new UsageError(
        'The value is bytes, which could be commands to this terminal. Send them to a file (> FILE) or through a pipe, or leave --raw out.',
      );
    await this.flush();
    await this.#write(bytes);
  }

  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') await this.#write(text);
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(chunk, (error) => {
        if (!error) resolve();
        else if (isReaderGone(error)) reject(new ReaderGone('The reader of the output has gone.'));
        else reject(fileFailure('write to', this.#name, error, this.#left));
      });
    });
  }
}

function isReaderGone(error: Error & { code?: string }): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || error.code === 'ECONNRESET';
}

/** Columns two spaces apart, each as wide as its widest cell; none wider than needed at the end of a line. */
export function alignRows(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths: number[] = [];
  const cells = rows.map((row) =>
    row.map((cell, i) => {
      const text = typeof cell === 'number' ? formatCount(cell) : visible(cell);
      const width = stringWidth(text);
      widths[i] = Math.max(widths[i] ?? 0, width);
      return { text, width, isNumber: typeof cell === 'number' };
    }),
  );
  return cells.map((row) =>
    row
      .map(({ text, width, isNumber }, i) => {
        const gap = ' '.repeat(widths[i]! - width);
        return isNumber ? gap + text : text + gap;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** The beginning of a text that fits `columns`. */
export function cut(text: string, columns: number): string {
  if (text.length <= columns && stringWidth(text) <= columns) return text;
  let width = 0;
  let shown = '';
  for (const character of text) {
    width += stringWidth(character);
    if (width > columns - 1) break;
    shown += character;
  }
  return `${shown}…`;
}

/** 12,345 */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 entry", "12,345 entries" */
export function countOf(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? countOf(bytes, 'byte') : `${value.toFixed(1)} ${units[unit]}`;
}

export function formatTime(time: Date): string {
  return time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}
