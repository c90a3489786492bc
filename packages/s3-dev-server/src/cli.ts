#!/usr/bin/env node
/** `holdfast-s3-dev-server`. Ctrl-C ends it. */
import { runCommand } from './command.js';

const interrupted = new Promise<void>((resolve) => {
  process.once('SIGINT', () => resolve());
  process.once('SIGTERM', () => resolve());
});

process.exitCode = await runCommand(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  interrupted,
});
