/**
 * What one worker asked and what it was told, one line of JSON each, appended.
 *
 * Invariants:
 * - A call's line is on the disk before the call is sent, so a call that might have taken effect is known to
 *   whoever opens the journal next, and can be sent again with the same request id.
 * - An answer's line may be lost: the call is then repeated, and gets the same answer.
 * - A line that a kill cut off is taken away when the journal is opened. Any other bad line is an error.
 */
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request } from './dispatch.js';

/** A call, and its answer unless none is known. */
export interface Entry {
  readonly request: Request;
  /** Which `npm start` asked it. */
  readonly run: string;
  readonly answer?: Answer;
}

export interface Answer {
  readonly result: unknown;
  /** From the first sending to the answer, milliseconds; undefined: repeated after a kill, so nobody knows. */
  readonly ms?: number;
  /** Repeated after a kill: whether it had taken effect before. */
  readonly repeated?: 'committed' | 'open';
}

type Line = { readonly ask: Request; readonly run: string } | ({ readonly done: string } & Answer);

export class Journal {
  readonly #file: FileHandle;
  #queue: string[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<{ journal: Journal; entries: Entry[] }> {
    const entries = existsSync(path) ? mend(path) : [];
    return { journal: new Journal(await open(path, 'a', 0o600)), entries };
  }

  /** Resolves when the call may be sent. */
  ask(request: Request, run: string): Promise<void> {
    return this.#append({ ask: request, run });
  }

  answer(requestId: string, answer: Answer): Promise<void> {
    return this.#append({ done: requestId, ...answer });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  /** Lines that come while others are being written go together, with one sync for all of them. */
  async #append(line: Line): Promise<void> {
    this.#queue.push(`${JSON.stringify(line)}\n`);
    const before = this.#writing;
    const own = (async () => {
      // A failure is everybody's from then on: what was not written must not be sent.
      await before;
      const lines = this.#queue.splice(0);
      if (lines.length === 0) return;
      await this.#file.appendFile(lines.join(''));
      await this.#file.datasync();
    })();
    this.#writing = own;
    await own;
  }
}

/** The entries of every worker's journal in a folder, worker by worker, in the order of asking. */
export function readJournals(folder: string): Map<string, Entry[]> {
  const journals = new Map<string, Entry[]>();
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  for (const name of names.sort())
    journals.set(join(folder, name), parse(readFileSync(join(folder, name)), name).entries);
  return journals;
}

export function isPending({ answer }: Entry): boolean {
  return answer === undefined;
}

/** Reads a journal and cuts off a torn last line. */
function mend(path: string): Entry[] {
  const bytes = readFileSync(path);
  const { entries, length } = parse(bytes, path);
  if (length < bytes.length) truncateSync(path, length);
  return entries;
}

function parse(bytes: Buffer, path: string): { entries: Entry[]; length: number } {
  const length = bytes.lastIndexOf(0x0a) + 1;
  const entries = new Map<string, Entry>();
  const lines = bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
  for (const [i, text] of lines.entries()) {
    const where = `${path}, line ${i + 1}`;
    const line = parseLine(text, where);
    if ('ask' in line) {
      entries.set(line.ask.requestId, { request: line.ask, run: line.run });
      continue;
    }
    const { done, ...answer } = line;
    const entry = entries.get(done);
    if (!entry) throw new Error(`${where}: expected the answer to a call above it, found one to ${done}.`);
    entries.set(done, { ...entry, answer });
  }
  return { entries: [...entries.values()], length };
}

function parseLine(text: string, where: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch (cause) {
    throw new Error(`${where}: expected a line of JSON, found ${text.slice(0, 40)}…`, { cause });
  }
}
