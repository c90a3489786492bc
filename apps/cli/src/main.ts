#!/usr/bin/env node
/** The `holdfast` command. Imports nothing by itself: that its own files can't be read is told in words as well. */
import type * as CommandLine from './cli.js';

// A remark to whoever builds with the AWS SDK, on every run: standard error is for what users can act on.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

async function load(): Promise<typeof CommandLine> {
  try {
    return await import('./cli.js');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `holdfast: Its own program can't be loaded: ${why}. Too many open files (see \`ulimit -n\`), or an incomplete installation?\n`,
    );
    if (process.env.HOLDFAST_DEBUG) console.error(error);
    // EX_IOERR: see exit-codes.ts.
    process.exit(74);
  }
}

const { keepProcess, runCommandLine } = await load();
keepProcess();
process.exit(await runCommandLine(process.argv.slice(2)));
