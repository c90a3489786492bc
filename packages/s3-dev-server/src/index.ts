/** An S3 server for tests and adapter authors. */
// `AsyncDisposable`, for readers of these types whose `lib` does not have it.
/// <reference lib="esnext.disposable" preserve="true" />
export { type Fault, FaultSchedule, timesOutAfterEffect, timesOutBefore } from './faults.js';
export { DevBucket, type DevObject, type Versioning } from './objects.js';
export { plainS3, providers, type Quirks } from './quirks.js';
export type { LoggedRequest, OperationName } from './request.js';
export { type S3DevServer, type S3DevServerOptions, startS3DevServer } from './server.js';
export type { Credentials } from './sigv4.js';
