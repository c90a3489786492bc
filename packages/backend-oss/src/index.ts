/** Holdfast's object store in Alibaba Cloud OSS. */
export { OssStore, type OssStoreOptions, ossStore } from './oss-store.js';
export { parseOssUrl } from './oss-url.js';
