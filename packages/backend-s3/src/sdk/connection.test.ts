import { expect, test, vi } from 'vitest';
import { openConnection } from './connection.js';

// The SDK looks at the version of Node once in a process: this file has one of its own.
test("the SDK's notice of old versions of Node is not printed, and its switch is left as it was", async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const name = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';
  vi.stubEnv(name, undefined);
  const { client } = await openConnection({ bucket: 'b', region: 'eu-west-1' });
  client.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warned);
  expect(warned.mock.calls.flat().map(String)).toEqual([]);
  expect(process.env[name]).toBeUndefined();
  vi.unstubAllEnvs();
});

test('outside of a bundle nothing global is made', async () => {
  await openConnection({ bucket: 'b', region: 'eu-west-1' });
  expect((globalThis as { require?: unknown }).require).toBeUndefined();
});
