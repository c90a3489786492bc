/** A status above 299, as an error that failure.ts reads. */
import { errorBytesMax } from '../bounds.js';
import { RefusedError } from '../refused-error.js';
import { takeBody } from '../take-body.js';
import type { HttpAnswer } from './http.js';
import { readXml, textOf } from './xml.js';

/** Takes the answer's body, up to its bound. Of one that is no error document the status still counts. */
export async function refusalOf(answer: HttpAnswer): Promise<RefusedError> {
  const { bytes } = await takeBody(answer.body, { max: errorBytesMax });
  const { status } = answer;
  const parts = {
    status,
    retryAfter: answer.header('retry-after'),
    serverTime: answer.header('date'),
    region: answer.header('x-amz-bucket-region'),
    contentType: answer.header('content-type'),
  };
  const found = bytes.length === 0 ? undefined : await readXml(bytes).catch(() => undefined);
  if (found?.name !== 'Error')
    return new RefusedError({ ...parts, code: 'Unknown', message: 'no error document' });
  return new RefusedError({
    ...parts,
    code: textOf(found, 'Code') || 'Unknown',
    message: textOf(found, 'Message') || 'no message',
    region: textOf(found, 'Region') || parts.region,
    serverTime: textOf(found, 'ServerTime') || parts.serverTime,
  });
}
