/**
 * Whose requests these are, at any time.
 *
 * Invariants:
 * - Credentials that expire are asked for again before they do, by one caller for all.
 * - What is given, or is in the environment, loads nothing. The SDK's chain (profiles, roles of instances and
 *   containers, web identities) is the SDK's own.
 */
import { StoreError } from '@holdfast/object-store';
import { credentialsFromEnvironment, environmentVariable } from '../environment.js';
import type { S3Credentials, S3CredentialsProvider, S3StoreOptions } from '../options.js';

export interface CredentialsSource {
  current(): S3Credentials | Promise<S3Credentials>;
  /** The store said that the current ones are expired. */
  forget(): void;
}

/** What the SDK keeps before the end, too: clocks differ, and a request takes its time. */
const refreshBeforeMs = 5 * 60_000;

/** @throws StoreError DENIED for a space or newline in them, as secrets kept in files have: no header takes it. */
function checked<T extends S3Credentials>(credentials: T, found: string): T {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey, sessionToken }))
    if (typeof value === 'string' && !/^[\x21-\x7e]*$/.test(value))
      throw new StoreError(
        'DENIED',
        `${found} a ${name} with a space, a line break or another character that can't be sent: expected none. Nothing was sent; take it out (a file that holds a secret often ends with a line break).`,
      );
  return credentials;
}

/** @param chain what to ask where nothing is given. */
export function credentialsSource(
  given: S3StoreOptions['credentials'],
  chain: S3CredentialsProvider,
): CredentialsSource {
  if (typeof given === 'function') return new ProvidedCredentials(given);
  const fixed = given ?? fromEnvironment();
  if (fixed === undefined) return new ProvidedCredentials(chain);
  checked(
    fixed,
    given ? 'credentials: found' : 'The environment (AWS_ACCESS_KEY_ID and what belongs to it) has',
  );
  return { current: () => fixed, forget() {} };
}

/** As in the SDK's chain: a profile that is named comes before the variables. */
function fromEnvironment(): S3Credentials | undefined {
  if (environmentVariable('AWS_PROFILE') !== undefined) return undefined;
  return credentialsFromEnvironment([
    {
      accessKeyId: 'AWS_ACCESS_KEY_ID',
      secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
      sessionToken: 'AWS_SESSION_TOKEN',
    },
  ]);
}

class ProvidedCredentials implements CredentialsSource {
  readonly #provider: S3CredentialsProvider;
  #found: Awaited<ReturnType<S3CredentialsProvider>> | undefined;
  #asking: Promise<S3Credentials> | undefined;

  constructor(provider: S3CredentialsProvider) {
    this.#provider = provider;
  }

  current(): S3Credentials | Promise<S3Credentials> {
    const found = this.#found;
    if (found !== undefined && leftMs(found.expiration) > refreshBeforeMs) return found;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  forget(): void {
    this.#found = undefined;
  }

  async #ask(): Promise<S3Credentials> {
    try {
      const found = await this.#provider();
      if (!found?.accessKeyId || !found.secretAccessKey) {
        throw new StoreError(
          'DENIED',
          'The provider of credentials gave none: expected accessKeyId and secretAccessKey.',
        );
      }
      this.#found = checked(found, 'The provider of credentials gave');
      return found;
    } catch (error) {
      // The ones before are still good for a while.
      if (this.#found !== undefined && leftMs(this.#found.expiration) > 0) return this.#found;
      throw error;
    }
  }
}

function leftMs(expiration: Date | undefined): number {
  return expiration === undefined ? Number.POSITIVE_INFINITY : expiration.getTime() - Date.now();
}
