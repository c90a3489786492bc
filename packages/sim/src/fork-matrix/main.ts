/** `npm run fork-matrix`: every way to meet another history x how deep the fork lies. */
import { Command, InvalidArgumentError } from 'commander';
import { isMixed } from './cell.js';
import { DEPTHS, type Played, playMatrix, tableOf, wrongOf } from './matrix.js';
import { rows, SHOWINGS } from './rows.js';

const program = new Command('fork-matrix')
  .description(
    'Shows an open database records of another history of itself, in every way there is, and prints what each came to.',
  )
  .option('--common <n>', 'the last version before the fork, from 17', fromSeventeen, 40)
  .option('--only <text>', 'only rows that have this in their name')
  .option('--quiet', 'only the last line, and what is wrong')
  .addHelpText('after', '\nExit code: 0 when nothing is wrong, 1 when something is, 130 when interrupted.')
  .showHelpAfterError();

function fromSeventeen(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 17)
    throw new InvalidArgumentError(`Expected a whole number from 17, found ${JSON.stringify(text)}.`);
  return number;
}

program.parse();
const { common, only = '', quiet } = program.opts<{ common: number; only?: string; quiet?: true }>();
const chosen = rows.filter(({ name }) => name.includes(only));
if (chosen.length === 0) program.error(`No row has ${JSON.stringify(only)} in its name.`);
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
const startedMs = performance.now();
const played: Played[] = [];
for await (const cell of playMatrix({ common, rows: chosen, depths: DEPTHS, signal: interrupt.signal }))
  played.push(cell);
const titles = {
  spliced: 'The other history follows what the process knows; columns: how many records deep the fork lies',
  replaced: 'The other history stands in all slots',
  holes: 'Only the newest record of the other history is shown',
};
if (!quiet)
  for (const showing of SHOWINGS) {
    console.log(`\n${titles[showing]}:\n`);
    for (const line of tableOf(played, showing)) console.log(line);
  }
console.log('');
for (const line of wrongOf(played)) console.log(line);
const meant = played.filter(({ word }) => word !== '–');
const wrong = meant.filter(({ violations }) => violations.length > 0).length;
const mixed = meant.filter(({ violations }) => violations.some(isMixed)).length;
const forks = meant.filter(({ word }) => word === 'FORK').length;
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(
  `${meant.length} cells: ${forks} FORK, ${mixed} mixed states, ${wrong} wrong; common ${common}, ${seconds} s`,
);
process.exitCode = interrupt.signal.aborted ? 130 : wrong > 0 ? 1 : 0;
