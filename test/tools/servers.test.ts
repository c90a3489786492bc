import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const tool = fileURLToPath(new URL('../../tools/servers/servers.mjs', import.meta.url));
let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-servers-'));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function servers(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], {
    encoding: 'utf8',
    env: { ...process.env, HOLDFAST_SERVERS_DIR: join(folder, 'servers'), XDG_CACHE_HOME: folder, ...env },
  });
  return { status, out: stdout, err: stderr };
}

/** A process that does nothing, and a state file that says it was started as `args`. */
function pretend(args: string[]): ChildProcess {
  servers(['down']); // makes the folder
  const script = ['-e', 'setInterval(() => {}, 1000)'];
  const child = spawn(process.execPath, script, { stdio: 'ignore' });
  children.push(child);
  const state = {
    minio: {
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      bucket: 'holdfast',
      accessKeyId: 'a',
      secretAccessKey: 'b',
      ready: true,
      folder,
      daemons: [
        { name: 'minio', command: process.execPath, args: [...script, ...args], pid: child.pid, log: '' },
      ],
    },
  };
  writeFileSync(join(folder, 'servers', 'state.json'), JSON.stringify(state));
  return child;
}

describe('npm run servers', () => {
  test('down ends a process that it started, and forgets it', async () => {
    const child = pretend([]);
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    expect(servers(['down', 'minio'])).toMatchObject({ status: 0, err: 'minio: stopped\n' });
    expect(await ended).toBe('SIGTERM');
    expect(servers(['down', 'minio']).err).toBe('minio: not up\n');
  });

  test('down leaves alone a process that has the number of one it started', () => {
    const child = pretend(['another-command-line']);
    expect(servers(['down', 'minio']).status).toBe(0);
    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
    expect(child.kill(0)).toBe(true);
  });

  test('status tells a server that does not answer from one that is up', () => {
    pretend([]);
    const { status, out } = servers(['status', '--json']);
    expect(status).toBe(1);
    const said = JSON.parse(out) as {
      servers: { minio: { up: boolean; endpoint: string; daemons: object[] } };
    };
    expect(said.servers.minio).toMatchObject({
      up: false,
      endpoint: 'http://127.0.0.1:9',
      daemons: [{ alive: true }],
    });
  });

  test('env prints lines that a shell can take', () => {
    pretend([]);
    expect(servers(['env']).out).toContain("export HOLDFAST_MINIO_ACCESS_KEY_ID='a'\n");
  });

  test('a lock of a run that is gone does not block', () => {
    servers(['down']);
    writeFileSync(join(folder, 'servers', 'lock'), String(process.pid));
    expect(servers(['down']).status).toBe(0);
  });

  test('says what to install when Go is missing, and leaves nothing half-done', () => {
    const { status, err } = servers(['up', 'minio', '--any-port'], { PATH: '/nowhere' });
    expect(status).toBe(1);
    expect(err).toContain('needs Go');
    expect(err).not.toMatch(/^ +at /m);
    expect(servers(['status']).err).toContain('minio: not up');
  });

  test('says which variable chooses another port when one is taken', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as { port: number };
    // A binary is there, so that only the port is in the way.
    spawnSync('mkdir', ['-p', join(folder, 'holdfast/bin')]);
    writeFileSync(join(folder, 'holdfast/bin/minio'), '');
    const { status, err } = servers(['up', 'minio'], { HOLDFAST_MINIO_PORT: String(port) });
    listener.close();
    expect(status).toBe(1);
    expect(err).toContain(`Port ${port} for minio`);
    expect(err).toContain('HOLDFAST_MINIO_PORT=');
  });

  test('refuses what it does not know', () => {
    expect(servers(['up', 'garage']).err).toBe('No server "garage": there are minio and ceph.\n');
    expect(servers(['fly']).status).toBe(1);
    expect(servers(['up', '--fast']).status).toBe(1);
  });
});
