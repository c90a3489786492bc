/** What a command is made of, and what it is given when it runs. */
import type { Command } from 'commander';
import type { Database, ObjectStore } from 'holdfast';
import type { KeyOptions } from './key-source.js';
import type { Output } from './output.js';
import type { OpenAt, Places } from './places.js';
import type { Progress } from './progress.js';

export interface CommonOptions extends KeyOptions {
  readonly adapter?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

export interface CommandSpec<Options extends object = object> {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Such as `['KEY', '[VALUE]']`; brackets: may be missing. The location, where there is one, is not among them. */
  readonly operands: readonly string[];
  /** `database`: a location and a key; `store`: a location; `nothing`: neither. */
  readonly needs: 'database' | 'store' | 'nothing';
  /** What `--help` says below the options: explanations, then examples. */
  readonly help: string;
  readonly addOptions?: (command: Command) => void;
  /** Resolves to the exit code, 0 where it is undefined. */
  readonly run: (call: Call<Options>) => Promise<number | undefined>;
}

/** One run of a command. */
export interface Call<Options extends object = object> {
  readonly operands: readonly string[];
  readonly options: Options & CommonOptions;
  /** Empty for a command that needs none. */
  readonly location: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly out: Output;
  /** Tells people something on standard error; nothing with --json. */
  say(text: string): void;
  /** Tells everybody, with --json as JSON. */
  warn(text: string): void;
  progress(label: string): Progress;
  /** `read` and `write` want a database that is there. Closed when the command ends. */
  open(mode: 'read' | 'write' | 'create'): Promise<Database>;
  /** One in another place, with a key of its own; `at` is its version, where that is not the newest. */
  openAt(location: string, mode: 'read' | 'create', options: OpenAt): Promise<Database>;
  /** Another call that takes a location and a key. */
  withKey: Places['withKey'];
  /** The bare store. Closed when the command ends. */
  openStore(): Promise<ObjectStore>;
  /** What an interruption leaves behind, in a sentence; nothing was changed unless a command says otherwise. */
  interrupted: () => string;
  /** The exit code that a command knows before it prints, in case nobody reads that to its end. */
  verdict?: number;
}

/** Infers the type of a command's options. */
export function defineCommand<Options extends object>(spec: CommandSpec<Options>): CommandSpec {
  // The options are those that `addOptions` declares: commander gives no more than that.
  return spec as unknown as CommandSpec;
}
