import { expect, test, vi } from 'vitest';
import { MemoryStore } from './memory-store.js';
import { withRetry } from './with-retry.js';

test('a signal shared by many calls at once gives no warning of a leak', async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const store = withRetry(new MemoryStore());
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 50 }, (_, i) => store.get(`k${i}`, { signal })));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warned);
  expect(warned.mock.calls.flat().map((warning: Error) => warning.name)).not.toContain(
    'MaxListenersExceededWarning',
  );
});
