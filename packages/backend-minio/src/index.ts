/** Holdfast's object store in MinIO. */
export { type MinioStoreOptions, minioStore } from './minio-store.js';
export { parseMinioUrl } from './minio-url.js';
