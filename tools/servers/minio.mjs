// MinIO: installed with Go (upstream ships source only), one process.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, say, succeeds } from './run.mjs';
import { cacheFolder, existsProcess } from './state.mjs';

const module = 'github.com/minio/minio@latest';
const binary = join(cacheFolder, 'bin', 'minio');

export const name = 'minio';
export const portsByDefault = {
  s3: { variable: 'HOLDFAST_MINIO_PORT', port: 19000 },
  console: { variable: 'HOLDFAST_MINIO_CONSOLE_PORT', port: 19001 },
};

/** Makes sure that the binary is in the cache folder. It gets there by a rename, so it is whole or absent. */
export async function install() {
  if (existsSync(binary)) return;
  const half = join(cacheFolder, 'bin', `.minio-${process.pid}`);
  mkdirSync(half, { recursive: true });
  removeLeftovers();
  try {
    if (!(await succeeds('go', ['version'])))
      throw new Failure(
        'MinIO is built from source and needs Go 1.24 or newer: install it (https://go.dev/doc/install, or\n' +
          `your system's package) and run this again, or put a minio binary at ${binary}`,
      );
    const built = join((await run('go', ['env', 'GOPATH'])).trim(), 'bin', 'minio');
    if (existsSync(built)) {
      say(`MinIO: copying ${built}`);
      copyFileSync(built, join(half, 'minio'));
    } else {
      await run('go', ['install', '-v', module], {
        title: `MinIO: building ${module} with Go; about 2 GB of Go's caches`,
        usually: '3 minutes on 2 cores, once',
        unit: 'modules and packages done',
        env: { GOBIN: half, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' },
      });
    }
    chmodSync(join(half, 'minio'), 0o755);
    renameSync(join(half, 'minio'), binary);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
}

/** Removes the folders of builds whose tool was killed. */
function removeLeftovers() {
  for (const file of readdirSync(join(cacheFolder, 'bin'))) {
    const pid = Number(/^\.minio-(\d+)$/.exec(file)?.[1] ?? process.pid);
    if (!existsProcess(pid)) rmSync(join(cacheFolder, 'bin', file), { recursive: true, force: true });
  }
}

/** What to run, and how to talk to it. */
export function plan(folder, ports) {
  const accessKeyId = 'holdfast-test';
  const secretAccessKey = 'holdfast-test-secret';
  return {
    endpoint: `http://127.0.0.1:${ports.s3}`,
    region: 'us-east-1',
    bucket: 'holdfast',
    accessKeyId,
    secretAccessKey,
    ports,
    folder,
    daemons: [
      {
        name: 'minio',
        command: binary,
        args: [
          'server',
          '--address',
          `127.0.0.1:${ports.s3}`,
          '--console-address',
          `127.0.0.1:${ports.console}`,
          join(folder, 'data'),
        ],
        env: {
          MINIO_ROOT_USER: accessKeyId,
          MINIO_ROOT_PASSWORD: secretAccessKey,
          MINIO_BROWSER: 'off',
          MINIO_UPDATE: 'off',
        },
        log: join(folder, 'minio.log'),
      },
    ],
  };
}

export const startTimeoutMs = 60_000;

export async function start(server, _fresh, launch) {
  mkdirSync(join(server.folder, 'data'), { recursive: true });
  await launch(server.daemons[0]);
}
