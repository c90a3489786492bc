/** The dev server as a command, apart from the process it runs in. */
import { parseArgs } from 'node:util';
import { providers, type Quirks } from './quirks.js';
import { startS3DevServer } from './server.js';

const usage = `holdfast-s3-dev-server [--port N] [--bucket NAME ...] [--provider NAME] [--region R]

An S3 server on 127.0.0.1 that keeps everything in memory and forgets it at the end. For tests only.

  --port N         default 9900; 0 takes any free one
  --bucket NAME    made at the start; may be repeated; default: holdfast
  --provider NAME  imitates a provider's quirks: ${Object.keys(providers).join(', ')}
  --region R       default us-east-1
  --help
`;

/** What a command needs of its process. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Resolves when the server shall end. */
  readonly interrupted: Promise<void>;
}

/** @returns the exit code: 0 after an interrupt, 1 if the port can't be had, 2 for wrong arguments. */
export async function runCommand(args: string[], terminal: Terminal): Promise<number> {
  let values: {
    port?: string | undefined;
    bucket?: string[] | undefined;
    provider?: string | undefined;
    region?: string | undefined;
    help?: boolean | undefined;
  };
  try {
    ({ values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        bucket: { type: 'string', multiple: true },
        provider: { type: 'string' },
        region: { type: 'string' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    terminal.err(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (values.help) {
    terminal.out(usage);
    return 0;
  }
  const port = Number(values.port ?? 9900);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    terminal.err(`--port must be a number from 0 to 65535, not ${values.port}\n`);
    return 2;
  }
  const quirks = (providers as Readonly<Record<string, Partial<Quirks>>>)[values.provider ?? 'minio'];
  if (!quirks) {
    terminal.err(`--provider must be one of ${Object.keys(providers).join(', ')}\n`);
    return 2;
  }
  const buckets = values.bucket ?? ['holdfast'];
  let server: Awaited<ReturnType<typeof startS3DevServer>>;
  try {
    const region = values.region === undefined ? {} : { region: values.region };
    server = await startS3DevServer({ port, buckets, quirks, ...region });
  } catch (error) {
    terminal.err(`cannot listen on 127.0.0.1:${port}: ${(error as Error).message}\n`);
    return 1;
  }
  const { accessKeyId, secretAccessKey } = server.credentials;
  terminal.out(
    `S3 dev server on ${server.url} (in memory, buckets: ${buckets.join(', ')}). Ctrl-C ends it.

  export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}
  holdfast list 's3://${buckets[0]}/demo?region=${server.region}&endpoint=${server.url}'
`,
  );
  await terminal.interrupted;
  await server.close();
  return 0;
}
