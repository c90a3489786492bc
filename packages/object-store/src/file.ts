export { FileStore, type FileStoreOptions } from './file/file-store.js';
