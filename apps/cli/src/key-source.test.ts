import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from './failure.js';
import { readKey } from './key-source.js';

const hex = 'ab'.repeat(32);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-key-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function read(keyFile: string, platform: NodeJS.Platform = 'linux') {
  const warnings: string[] = [];
  const { signal } = new AbortController();
  const { key } = await readKey(
    { keyFile: join(folder, keyFile) },
    { env: {}, signal, platform, warn: (text) => warnings.push(text) },
  );
  expect(key).toEqual(new Uint8Array(Buffer.from(hex, 'hex')));
  return warnings;
}

function write(name: string, mode: number) {
  writeFileSync(join(folder, name), `${hex}\n`);
  chmodSync(join(folder, name), mode);
}

describe.skipIf(process.platform === 'win32')('a key file', () => {
  test.each([0o644, 0o640, 0o604, 0o620, 0o601])(
    'that others can touch (mode %o) is warned of, and read',
    async (mode) => {
      write('loose', mode);
      const [warning, ...more] = await read('loose');
      expect(more).toEqual([]);
      expect(warning).toContain(`(mode ${mode.toString(8)})`);
      expect(warning).toContain(`chmod 600 ${join(folder, 'loose')}`);
      expect(warning).not.toContain(hex.slice(0, 8));
    },
  );

  test.each([0o600, 0o400])("that is the user's alone (mode %o) is not", async (mode) => {
    write('own', mode);
    expect(await read('own')).toEqual([]);
    rmSync(join(folder, 'own'));
  });

  test('behind a symbolic link is judged by the file, not by the link', async () => {
    write('real', 0o600);
    symlinkSync('real', join(folder, 'link'));
    expect(await read('link')).toEqual([]);
    chmodSync(join(folder, 'real'), 0o644);
    expect(await read('link')).toHaveLength(1);
  });

  test('on Windows has no mode that tells of others', async () => {
    write('windows', 0o666);
    expect(await read('windows', 'win32')).toEqual([]);
  });
});

test('a key file without an end is refused', async () => {
  writeFileSync(join(folder, 'long'), Buffer.alloc(5000, 'a'));
  await expect(read('long')).rejects.toThrow(UsageError);
  await expect(read('long')).rejects.toThrow('at most 4.0 KiB');
});
