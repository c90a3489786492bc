/** Credentials and regions from environment variables, on platforms that have an environment. */
import type { S3Credentials } from './options.js';

/** The variable's value; undefined if it is unset, empty, or the platform has no environment. */
export function environmentVariable(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}

/** The SDK by itself reads the first one only. */
export function regionOfEnvironment(): string | undefined {
  return environmentVariable('AWS_REGION') ?? environmentVariable('AWS_DEFAULT_REGION');
}

/** Names of the variables that hold one set of credentials. */
export interface CredentialVariables {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** The first of `sets` of which id and secret are both there: sets are never mixed. */
export function credentialsFromEnvironment(sets: readonly CredentialVariables[]): S3Credentials | undefined {
  for (const set of sets) {
    const accessKeyId = environmentVariable(set.accessKeyId);
    const secretAccessKey = environmentVariable(set.secretAccessKey);
    if (accessKeyId === undefined || secretAccessKey === undefined) continue;
    const sessionToken = set.sessionToken === undefined ? undefined : environmentVariable(set.sessionToken);
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  }
  return undefined;
}
