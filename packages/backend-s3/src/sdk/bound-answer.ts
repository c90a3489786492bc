/**
 * Bounds what the SDK takes into memory of an answer before it looks at it: by itself it collects every body whole,
 * those of errors and listings too. The body of a GetObject that went well is not touched: read-object.ts takes it.
 */
import type { PutObjectCommand } from '@aws-sdk/client-s3';
import { answerBytesMax, answerTooLong, errorBytesMax } from '../bounds.js';
import { takeBody } from '../take-body.js';

/**
 * @param body of an answer that is no error: `streamed` to the caller; `parsed`, so that one too long is an error;
 * `unused`, so that the headers are enough.
 */
export function boundAnswer<Command extends object>(
  command: Command,
  body: 'streamed' | 'parsed' | 'unused',
  changes = false,
): Command {
  // All commands have one stack, whose type differs in what goes in and comes out.
  const { middlewareStack } = command as unknown as Pick<PutObjectCommand, 'middlewareStack'>;
  middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { statusCode: number; body?: unknown };
      const failed = response.statusCode >= 300;
      if (!failed && body === 'streamed') return result;
      const max = failed ? errorBytesMax : answerBytesMax;
      const { bytes, more } = await takeBody(response.body, { max });
      if (more && !failed && body === 'parsed') throw answerTooLong(changes);
      // Of an error that is no error document the status still counts.
      response.body = bytes;
      return result;
    },
    // The innermost one: nothing of the SDK's has seen the body before it.
    { step: 'deserialize', priority: 'low', name: 'holdfastBoundAnswer' },
  );
  return command;
}
