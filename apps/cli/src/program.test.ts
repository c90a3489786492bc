import { describe, expect, test } from 'vitest';
import type { CommandSpec, CommonOptions } from './command.js';
import { takeOperands } from './location.js';
import { createProgram } from './program.js';

interface Ran {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: CommonOptions;
}

async function parse(...words: string[]): Promise<{ ran: Ran | undefined; printed: string }> {
  let ran: Ran | undefined;
  let printed = '';
  const program = createProgram({
    run: async (spec, args, options) => {
      ran = { spec, args, options };
    },
    print: (text) => {
      printed += text;
    },
  });
  await program.parseAsync(words, { from: 'user' }).catch((error: { exitCode?: number }) => {
    if (error.exitCode !== 0) throw error;
  });
  return { ran, printed };
}

/** Words as a shell would hand them over; what follows a pipe or a redirection is somebody else's. */
function wordsOf(line: string): string[] {
  const [own] = line.split(/ [|>] /);
  return [...own!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

const names = createProgram({ run: async () => {}, print: () => {} }).commands.map((command) =>
  command.name(),
);
const env = { HOLDFAST_LOCATION: undefined };

describe.each(names)('%s --help', (name) => {
  test('fits a terminal, names --json, and shows only what the command takes', async () => {
    const { printed } = await parse(name, '--help');
    expect(printed).toContain('--json');
    expect(printed.split('\n').filter((line) => line.length > 80 && !line.includes('$ '))).toEqual([]);
    const examples = [...printed.matchAll(/(?:\$ |\| |\$\()holdfast ([^)\n]*)/g)].map(([, words]) => words!);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const { ran } = await parse(...wordsOf(example));
      const { spec, args } = ran!;
      takeOperands(args, spec.operands, { takesLocation: spec.needs !== 'nothing', env });
    }
    expect(examples.some((example) => example.startsWith(`${name} `))).toBe(true);
  });

  test('knows every option that its text names', async () => {
    const { printed } = await parse(name, '--help');
    const [, options, text] = /Options:\n([\s\S]*?)\n\n([\s\S]*)/.exec(printed)!;
    const declared = new Set(options!.match(/--[a-z-]+/g));
    const named = text!.replace(/^ {2}\$.*$/gm, '').match(/--[a-z][a-z-]+/g) ?? [];
    expect(named.filter((option) => !declared.has(option))).toEqual([]);
  });
});

test('--version prints that of the package', async () => {
  expect((await parse('--version')).printed).toMatch(/^\d+\.\d+\.\d+\n$/);
});
