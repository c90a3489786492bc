export { ConformanceError } from './conformance/expect.js';
export {
  type ConformanceCase,
  type ConformanceOptions,
  type ConformanceReport,
  conformance,
  type OpenStore,
  runConformance,
} from './conformance/suite.js';
