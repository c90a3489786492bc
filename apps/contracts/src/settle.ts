/** Sends a call again whose answer was lost with the process that had asked it. */
import type { Database } from 'holdfast';
import { contracts, dispatch, type Request } from './dispatch.js';
import type { Answer } from './journal.js';

export type Settled = Required<Pick<Answer, 'repeated'>> & { readonly result: unknown };

/**
 * Asking for the outcome first is for the report only: sending the request again is safe either way. If it had
 * taken effect, it is answered with its first result.
 */
export async function settle(db: Database, request: Request): Promise<Settled> {
  const isCommand = Object.hasOwn(contracts[request.contract]?.commands ?? {}, request.method);
  const { status } = isCommand ? await db.outcome(request.requestId) : { status: 'open' as const };
  const result = await dispatch(db, request);
  return { result, repeated: status === 'committed' ? 'committed' : 'open' };
}
