export {
  type OpenedSlots,
  type OpenSlots,
  runSlotsConformance,
  type SlotsConformanceOptions,
  slotsConformance,
} from './conformance/slots-suite.js';
