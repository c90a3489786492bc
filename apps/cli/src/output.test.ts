import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SystemFailure, UsageError } from './failure.js';
import { alignRows, Output, ReaderGone } from './output.js';

class Sink extends Writable {
  written = '';
  readonly isTTY: boolean;
  readonly #code: string | undefined;

  constructor(options: { isTTY?: boolean; code?: string } = {}) {
    super();
    this.isTTY = options.isTTY ?? false;
    this.#code = options.code;
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error) => void): void {
    this.written += chunk.toString();
    done(this.#code === undefined ? undefined : Object.assign(new Error(this.#code), { code: this.#code }));
  }
}

/** Clears the screen, sets the title, ends the line. */
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\nok: \u009b31m\u202e';
const SHOWN = '\\u001b[2J\\u001b]0;owned\\u0007\\u000aok: \\u009b31m\\u202e';

describe('what the store has sent', () => {
  test('is shown in lines, and keeps the tabs between our columns', async () => {
    const sink = new Sink();
    const out = new Output(sink);
    await out.line(`key\t${HOSTILE}`);
    await out.flush();
    expect(sink.written).toBe(`key\t${SHOWN}\n`);
  });

  test('is shown in tables, which are aligned by what is shown', () => {
    expect(
      alignRows([
        [HOSTILE, 'x'],
        ['a\tb', 'y'],
      ]),
    ).toEqual([`${SHOWN}  x`, `a\\u0009b${' '.repeat(SHOWN.length - 8)}  y`]);
  });
});

describe('a value as it is', () => {
  test('goes into a file or a pipe byte for byte', async () => {
    const sink = new Sink();
    const out = new Output(sink);
    await out.text(HOSTILE);
    await out.bytes(Buffer.from(HOSTILE));
    expect(sink.written).toBe(HOSTILE + HOSTILE);
  });

  test('on a terminal has its newlines and tabs, and drives nothing', async () => {
    const sink = new Sink({ isTTY: true });
    const out = new Output(sink);
    await out.text(`a\tb\n${HOSTILE}`);
    expect(sink.written).toBe(`a\tb\n${SHOWN.replace('\\u000a', '\n')}`);
    await expect(out.bytes(Buffer.from('a'))).rejects.toThrow(UsageError);
    await expect(out.bytes(Buffer.from('a'))).rejects.toThrow('> FILE');
  });
});

describe('output that can not be written', () => {
  test.each(['ENOSPC', 'EIO', 'EFBIG'])('for %s is said with its name', async (code) => {
    const out = new Output(new Sink({ code }), 'backup', 'It was not written.');
    await out.line('x');
    const failed = out.flush();
    await expect(failed).rejects.toThrow(SystemFailure);
    await expect(failed).rejects.toThrow(/^Can't write to backup: .* It was not written\.$/);
  });

  test.each(['EPIPE', 'ECONNRESET'])('because its reader has gone (%s) is an end', async (code) => {
    const out = new Output(new Sink({ code }));
    await out.line('x');
    await expect(out.flush()).rejects.toThrow(ReaderGone);
  });
});
