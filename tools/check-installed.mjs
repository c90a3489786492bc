// Installs tarballs of all public packages together in an empty project, as a new user would, and uses them there:
// what is installed, what programs do with it, what TypeScript says.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './pack.mjs';

const exec = promisify(execFile);

/**
 * @param tarballs their paths.
 * @param packages what publicPackages() says.
 * @param say is told what was tried, and the problems that were found.
 */
export async function checkInstalled(tarballs, packages, say) {
  const project = mkdtempSync(join(tmpdir(), 'holdfast-installed-'));
  try {
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
    const found = await install(project, tarballs);
    say('all of them in an empty project', found);
    if (found.length > 0) return;
    say('a program on them', await usedByProgram(project));
    say('the command', await usedByCommand(project));
    for (const [name, options, source] of consumers(packages))
      say(`types: ${name}`, await usedByTypes(project, options, source));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

async function run(project, command, ...args) {
  try {
    const env = { ...process.env, NODE_PATH: undefined, HOLDFAST_KEY: '11'.repeat(32) };
    const { stdout, stderr } = await exec(command, args, { cwd: project, env, maxBuffer: 1 << 26 });
    return { stdout, stderr, code: 0 };
  } catch (error) {
    return { stdout: error.stdout ?? '', stderr: error.stderr || error.message, code: error.code ?? 1 };
  }
}

const node = (project, ...args) => run(project, process.execPath, ...args);

async function install(project, tarballs) {
  // Not --ignore-scripts: a script that asks to be run is what users would be warned of.
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--prefer-offline',
    ...tarballs,
  ];
  const { stderr, code } = await run(project, 'npm', ...args);
  if (code !== 0) return [`npm install failed: ${stderr}`];
  const found = [];
  if (/npm warn/i.test(stderr)) found.push(`npm install warns: ${stderr.trim()}`);
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  for (const [place, { hasInstallScript }] of Object.entries(packages)) {
    if (hasInstallScript) found.push(`${place} has an install script`);
    if (/\bmsgpackr/.test(place))
      found.push(`${place} is installed, though core has the code of msgpackr in it`);
  }
  return found;
}

async function usedByProgram(project) {
  writeFileSync(
    join(project, 'use.js'),
    `import { open } from 'holdfast';
const key = new Uint8Array(32).fill(0x11);
for (const location of ['memory:', 'file:./state']) {
  const db = await open(location, { key });
  await db.set('a', new Map([[1n, new Date(0)]]));
  console.log((await db.get('a')).get(1n).getTime());
  await db.close();
}
`,
  );
  const { stdout, stderr, code } = await node(project, 'use.js');
  const found = [];
  if (code !== 0 || stderr !== '') found.push(`use.js ended with ${code}: ${stderr}`);
  if (stdout !== '0\n0\n') found.push(`use.js: expected 0 twice, found ${JSON.stringify(stdout)}`);
  return found;
}

async function usedByCommand(project) {
  const command = join(project, 'node_modules/.bin/holdfast');
  const found = [];
  for (const [args, expected] of [
    [['set', 'file:./state', 'word', '"hello"'], undefined],
    [['get', 'file:./state', 'word', '--json'], /hello/],
  ]) {
    const { stdout, stderr, code } =
      process.platform === 'win32'
        ? await run(project, 'npx', 'holdfast', ...args)
        : await run(project, command, ...args);
    // The program before it has made the database, with the same key.
    if (code !== 0) found.push(`holdfast ${args.join(' ')} ended with ${code}: ${stderr}`);
    else if (expected && !expected.test(stdout))
      found.push(`holdfast ${args.join(' ')}: expected ${expected}, found ${JSON.stringify(stdout)}`);
  }
  return found;
}

/** Programs, and the settings that they are compiled with. */
function* consumers(packages) {
  const strict = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false };
  const resolutions = {
    bundler: { module: 'ESNext', moduleResolution: 'bundler' },
    node16: { module: 'Node16', moduleResolution: 'Node16' },
    nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
  };
  const types = { typeRoots: [join(root, 'node_modules/@types')], types: ['node'] };
  for (const [name, resolution] of Object.entries(resolutions)) {
    const options = { ...strict, ...resolution, target: 'ES2022' };
    // No lib has AsyncDisposable here but ours.
    yield [`${name}, in a page`, { ...options, lib: ['ES2022', 'DOM'], types: [] }, used];
    yield [
      `${name}, with @types/node, everything`,
      { ...options, ...types, lib: ['ES2022'] },
      used + everything(packages),
    ];
  }
}

const used = `import { open, registerLocation, MemoryStore, type Database, type OpenOptions } from 'holdfast';
registerLocation('shelf', () => new MemoryStore());
export async function counted(options: OpenOptions): Promise<number> {
  await using db: Database = await open('memory:', options);
  return db.transact(async (tx) => {
    const n = ((await tx.get<number>(['n'])) ?? 0) + 1;
    tx.set(['n'], n);
    return n;
  });
}
`;

function everything(packages) {
  const names = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports ?? {}).map((subpath) => `${manifest.name}${subpath.slice(1)}`),
  );
  return names.map((name, i) => `import * as all${i} from '${name}';\nexport { all${i} };\n`).join('');
}

async function usedByTypes(project, compilerOptions, source) {
  writeFileSync(join(project, 'use.ts'), source);
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const tsc = join(root, 'node_modules/typescript/lib/tsc.js');
  const { stdout, stderr, code } = await node(project, tsc, '-p', '.', '--pretty', 'false');
  if (code === 0) return [];
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, 20);
}
