// The command `holdfast` in a clone: builds what is not built yet, then is the command. Only what the command itself
// says gets to standard output, and its exit code is this one's.
//
// Usage: npm run holdfast -- <command> [arguments...], from any folder of the clone; paths are relative to it.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

const built = spawnSync('npm', ['run', 'build', '--silent'], {
  cwd: root,
  encoding: 'utf8',
  shell: process.platform === 'win32',
});
if (built.status !== 0) {
  process.stderr.write(`${built.stdout ?? ''}${built.stderr ?? ''}`);
  console.error(`holdfast: the build failed${built.error ? `: ${built.error.message}` : '; see above'}.`);
  process.exit(1);
}

// npm runs scripts at the root; where it was called is where the user's paths begin.
const child = spawn(process.execPath, [join(root, 'apps/cli/dist/main.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
// Ctrl-C reaches the command from the terminal already.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal === null) process.exitCode = code ?? 1;
  else {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
});
