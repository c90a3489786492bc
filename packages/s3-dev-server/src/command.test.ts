import { expect, test } from 'vitest';
import { runCommand } from './command.js';

async function run(args: string[], whileRunning: (out: string) => Promise<void> = async () => undefined) {
  let out = '';
  let err = '';
  let interrupt: () => void = () => undefined;
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  let started: () => void = () => undefined;
  const printed = new Promise<void>((resolve) => {
    started = resolve;
  });
  const running = runCommand(args, {
    out(text) {
      out += text;
      started();
    },
    err(text) {
      err += text;
      started();
    },
    interrupted,
  });
  await printed;
  await whileRunning(out);
  interrupt();
  return { code: await running, out, err };
}

test('it says where it listens and how to point Holdfast at it, and ends at an interrupt', async () => {
  let url = '';
  const { code, out } = await run(['--port', '0', '--bucket', 'one', '--bucket', 'two'], async (printed) => {
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)![0];
    // Anonymous, so refused: but there is someone to refuse.
    expect((await fetch(`${url}/one/a`)).status).toBe(403);
  });
  expect(code).toBe(0);
  expect(out).toContain('buckets: one, two');
  expect(out).toContain('AWS_ACCESS_KEY_ID=holdfast AWS_SECRET_ACCESS_KEY=holdfast-secret');
  expect(out).toContain(`s3://one/demo?region=us-east-1&endpoint=${url}`);
  await expect(fetch(url)).rejects.toThrow();
});

test('a port that is taken is said, without a stack trace', async () => {
  await run(['--port', '0'], async (printed) => {
    const port = /127\.0\.0\.1:(\d+)/.exec(printed)![1]!;
    const second = await run(['--port', port]);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/^cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  });
});

test.each([
  [['--port', 'x'], '--port must be a number'],
  [['--provider', 'x'], '--provider must be one of minio'],
  [['--prot', '1'], "Unknown option '--prot'"],
])('%o is a mistake that it explains', async (args, words) => {
  const { code, err } = await run(args);
  expect(code).toBe(2);
  expect(err).toContain(words);
});

test('--help explains and ends', async () => {
  const { code, out } = await run(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('--bucket NAME');
});
