/** Holdfast's object store in Amazon S3 and compatible servers. */
export { type CredentialVariables, credentialsFromEnvironment, environmentVariable } from './environment.js';
export type { S3Credentials, S3CredentialsProvider, S3StoreOptions } from './options.js';
export { S3Store, s3Store } from './s3-store.js';
export { parseS3Url } from './s3-url.js';
export { clientOf, flagOf, readStoreUrl, type StoreUrl } from './store-url.js';
