// Runs a script on another major version of Node than the one that is installed.
//
// Usage: node tools/with-node.mjs <major> <script> [arguments...]
// The binary comes from npm's node-<platform>-<arch> packages and stays in the cache folder. It gets there by a
// rename, so it is whole or absent.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const [major, ...script] = process.argv.slice(2);
if (!/^\d+$/.test(major ?? '') || script.length === 0) {
  console.error('Usage: node tools/with-node.mjs <major> <script> [arguments...]');
  process.exit(2);
}
const node = process.versions.node.startsWith(`${major}.`) ? process.execPath : fetchNode();
console.log(`Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
const child = spawn(node, script, {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});

function fetchNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast', `node-${major}`);
  const binary = join(
    folder,
    'node_modules',
    name,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(binary)) return binary;
  console.log(`Installing ${name}@${major} into ${folder} (usually 10 seconds, once) …`);
  const half = `${folder}.${process.pid}`;
  mkdirSync(half, { recursive: true });
  try {
    const settings = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    // npm is a script on Windows, which only a shell starts.
    const shell = process.platform === 'win32';
    execFileSync('npm', ['install', ...settings, '--prefix', half, `${name}@${major}`], {
      stdio: 'inherit',
      shell,
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(half, folder);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
  if (!existsSync(binary)) throw new Error(`npm has installed ${name}@${major}, but there is no ${binary}`);
  return binary;
}
