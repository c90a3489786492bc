// The few S3 requests that tell whether a server is ready: signed with SigV4, no SDK, because this tool runs
// before anything is built. https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
import { createHash, createHmac } from 'node:crypto';
import { Failure, seconds, sleep } from './run.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

/** Sends one signed request. `path` needs no escaping. */
async function request(server, method, path, body = '') {
  const url = new URL(path, server.endpoint);
  const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${stamp.slice(0, 8)}/${server.region}/s3/aws4_request`;
  const headers = { host: url.host, 'x-amz-content-sha256': sha256(body), 'x-amz-date': stamp };
  const names = Object.keys(headers).join(';');
  const canonical = [
    method,
    url.pathname,
    '',
    ...Object.entries(headers).map(([name, value]) => `${name}:${value}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const key = scope.split('/').reduce((secret, part) => hmac(secret, part), `AWS4${server.secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString(
    'hex',
  );
  return fetch(url, {
    method,
    headers: {
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=${server.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    },
    ...(method === 'PUT' ? { body } : {}),
    signal: AbortSignal.timeout(20_000),
  });
}

/** Whether the server answers a signed request for its bucket. */
export async function answers(server) {
  return request(server, 'HEAD', `/${server.bucket}`).then(
    (response) => response.ok,
    () => false,
  );
}

/**
 * Makes the server's bucket, and writes and deletes an object in it (Ceph makes its data pools at the first
 * one), trying again until it works.
 * @param isAlive says whether waiting still makes sense
 */
export async function makeBucket(server, { timeoutMs, isAlive }) {
  const startedMs = Date.now();
  const steps = [
    ['PUT', `/${server.bucket}`, [200, 409]],
    ['PUT', `/${server.bucket}/ready`, [200]],
    ['DELETE', `/${server.bucket}/ready`, [204]],
  ];
  for (let step = 0, found = 'nothing yet'; step < steps.length; ) {
    const [method, path, expected] = steps[step];
    try {
      const response = await request(server, method, path);
      const text = await response.text();
      if (expected.includes(response.status)) {
        step++;
        continue;
      }
      found = `${method} ${path} -> ${response.status} ${text.slice(0, 200)}`;
    } catch (error) {
      found = `${method} ${path} -> ${error.cause?.code ?? error.message}`;
    }
    if (!isAlive()) throw new Failure(`The server has ended while it was starting (last answer: ${found}).`);
    if (Date.now() - startedMs > timeoutMs)
      throw new Failure(`The server is not ready after ${seconds(startedMs)} (last answer: ${found}).`);
    await sleep(200);
  }
}
