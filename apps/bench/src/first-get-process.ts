/** A program that reads one object and tells how long it is. */
import { type LocationOptions, resolveLocation } from 'holdfast';

export interface FirstGetOrder {
  readonly url: string;
  readonly credentials: LocationOptions['credentials'];
  readonly key: string;
}

const { url, credentials, key } = JSON.parse(process.argv[2]!) as FirstGetOrder;
process.on('disconnect', () => process.exit());
const store = await resolveLocation(url, { credentials });
process.send!((await store.get(key))?.size ?? 0);
