/**
 * Lets a signal have as many listeners as there are calls under way. Node warns of a leak from the eleventh on
 * (MaxListenersExceededWarning), though every call here takes its listener away when it ends.
 */
interface NodeEvents {
  setMaxListeners(count: number, ...targets: EventTarget[]): void;
}

const nodeProcess = (globalThis as { process?: { getBuiltinModule?(name: string): unknown } }).process;
const events = nodeProcess?.getBuiltinModule?.('node:events') as NodeEvents | undefined;
const known = new WeakSet<AbortSignal>();

export function allowManyListeners(signal: AbortSignal | undefined): void {
  if (!signal || !events || known.has(signal)) return;
  known.add(signal);
  events.setMaxListeners(0, signal);
}
