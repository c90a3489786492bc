/**
 * What values need of msgpackr: its build without `new Function` and without its native addon.
 *
 * The build puts msgpackr's own code into dist/msgpackr.js (inline-msgpackr.mjs), so that installing this package
 * installs no msgpackr. Two reasons:
 * - msgpackr asks for a native addon, with an install script, which this build of it never loads.
 * - Extensions are kept per copy of msgpackr. In a copy of our own, what an application adds changes no bytes here.
 */
import * as msgpackr from 'msgpackr/index-no-eval';

/** Written down here and not taken from msgpackr, whose types are not there where this package is installed. */
export interface Packr {
  /** @returns a view of a buffer that the next call writes over, if `mode` is RESET_BUFFER_MODE. */
  pack(value: unknown, mode?: number): Uint8Array;
  unpack(message: Uint8Array): unknown;
  useBuffer(buffer: Uint8Array): void;
}

export interface PackrOptions {
  readonly useRecords: boolean;
  readonly mapsAsObjects: boolean;
  readonly moreTypes: boolean;
  readonly structuredClone: boolean;
  readonly useBigIntExtension: boolean;
  readonly variableMapSize: boolean;
  readonly useToJSON: boolean;
  readonly copyBuffers: boolean;
}

export interface Extension<T> {
  // biome-ignore lint/complexity/noBannedTypes: any class, as msgpackr has it
  readonly Class: Function;
  readonly type: number;
  write(instance: T): unknown;
  read(content: unknown): unknown;
}

export const Packr: new (options: PackrOptions) => Packr = msgpackr.Packr;
export const addExtension: <T>(extension: Extension<T>) => void = msgpackr.addExtension;
export const RESET_BUFFER_MODE: number = msgpackr.RESET_BUFFER_MODE;
