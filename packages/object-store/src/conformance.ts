export { ConformanceError, expectEqual, expectFailure } from './conformance/expect.js';
export {
  type ConformanceCase,
  type ConformanceOptions,
  type ConformanceReport,
  conformance,
  type OpenStore,
  runCases,
  runConformance,
} from './conformance/suite.js';
