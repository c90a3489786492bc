/** Messages and documents of commands name only what exists. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'holdfast';
import { expect, test } from 'vitest';
import { createProgram } from './program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Calls that are planned for the database: named in a message only once it has them. */
const PLANNED =
  'setStream getStream copyTo load prove receipt rotateKey signers revokeSigner gc compact'.split(' ');
/** What is planned to be handed to `open`. */
const PLANNED_HELP =
  /\b(use|or|with|without|give|pass) (a |an |the )?(sequencer|receipt|anchor|diskCache|retention)\b/i;

function sources(): string[] {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(root, group)).flatMap((name) => {
      const folder = join(group, name, 'src');
      return (readdirSync(join(root, folder), { recursive: true }) as string[])
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => join(folder, file));
    }),
  );
}

/** A source's lines without comments. */
function code(file: string): string[] {
  return readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => !/^\s*\/\//.test(line));
}

test('no message advises a call that the database has not', async () => {
  await using db = await open('memory:', { key: 'plaintext' });
  const missing = PLANNED.filter((name) => !(name in db));
  const advice = new RegExp(`\\b(use|call|ask|see|with|through) (db\\.)?(${missing.join('|')})\\b`, 'i');
  const found = sources().flatMap((file) =>
    code(file)
      .filter((line) => /['"`]/.test(line) && (advice.test(line) || PLANNED_HELP.test(line)))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

test('no message, help or README names a command that holdfast has not', () => {
  const program = createProgram({ run: async () => {}, print: () => {} });
  const commands = new Set(program.commands.map((command) => command.name()));
  const readmes = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'README.md'));
  const texts = [...sources(), ...readmes, 'README.md', 'apps/cli/README.md'];
  let named = 0;
  const found = texts.flatMap((file) =>
    code(file).flatMap((line) =>
      // As it is typed: after a backquote, at a prompt, or behind a pipe.
      [...line.matchAll(/(?:`|\$ |\| |\$\()holdfast ([a-z][a-z-]*)/g)].flatMap(([text, name]) => {
        named++;
        return commands.has(name!) ? [] : [`${file}: ${text}`];
      }),
    ),
  );
  expect(found).toEqual([]);
  expect(named).toBeGreaterThan(50);
});
