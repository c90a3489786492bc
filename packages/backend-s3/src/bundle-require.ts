/** What CommonJS packages need in a bundle that is an ES module. */

/** What a bundler puts here; undefined in this module as it is published. */
declare const require: { readonly resolve?: unknown } | undefined;

/**
 * The AWS SDK and aws4 are CommonJS and ask for Node's modules by `require`, which a file that esbuild made with `format: 'esm'`
 * does not have ("Dynamic require of … is not supported"). Its stand-in takes a global one: here that gives Node's own
 * modules and nothing else. It stays, for the SDK loads parts of itself later. Where there is a true `require` (CommonJS),
 * and outside of a bundle, nothing is touched.
 */
export function giveBundleRequire(): void {
  if (typeof require === 'undefined' || require.resolve !== undefined) return;
  const scope = globalThis as {
    process?: { getBuiltinModule?(name: string): unknown };
    require?: unknown;
  };
  if (scope.require !== undefined || !scope.process?.getBuiltinModule) return;
  const value = (name: string): unknown => {
    const found = scope.process?.getBuiltinModule?.(name);
    if (found === undefined) throw new Error(`Dynamic require of "${name}" is not supported`);
    return found;
  };
  Object.defineProperty(scope, 'require', { value, configurable: true, writable: true });
}
