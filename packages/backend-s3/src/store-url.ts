/** What the URLs of all S3-like stores have in common; see API.md for their shapes. */

export interface StoreUrl {
  /** Decoded; empty if there is none. */
  readonly host: string;
  /** Decoded, without slashes at its ends. */
  readonly path: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Takes a store's URL apart.
 * @param scheme without the colon.
 * @param shape of such a URL, for messages.
 * @param known parameters; any other one is refused.
 * @throws TypeError for anything else than such a URL, and for a path that leads elsewhere than it says (`..`).
 */
export function readStoreUrl(
  text: string | URL,
  scheme: string,
  shape: string,
  known: readonly string[],
): StoreUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`not a URL: expected ${shape}`);
  }
  if (typeof text === 'string') expectStraightPath(text, scheme);
  // The text itself is never in these messages: it may hold a secret.
  if (url.username || url.password) {
    throw new TypeError(
      `a ${scheme}: URL must not hold credentials, since URLs end up in logs: put them into the environment or options.credentials`,
    );
  }
  if (url.protocol !== `${scheme}:`) throw new TypeError(`expected ${shape}, not ${url.protocol}`);
  if (url.hash) throw new TypeError(`a ${scheme}: URL has no #fragment; write %23 for a # in the prefix`);
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) {
      throw new TypeError(`unknown parameter ${name} in a ${scheme}: URL; there are ${known.join(', ')}`);
    }
    if (parameters.has(name)) throw new TypeError(`parameter ${name} is given twice`);
    parameters.set(name, value);
  }
  let path: string;
  try {
    path = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  } catch {
    throw new TypeError(`the path of the ${scheme}: URL is not valid percent-encoding`);
  }
  let host: string;
  try {
    host = decodeURIComponent(url.host);
  } catch {
    throw new TypeError(`the host of the ${scheme}: URL is not valid percent-encoding`);
  }
  return { host, path, parameters };
}

/**
 * A URL's own parser goes up at `..` (RFC 3986 section 5.2.4), percent-encoded or not, and drops line breaks: what a
 * tenant is called would choose another prefix, or another bucket. A `URL` that was made before has lost them already.
 */
function expectStraightPath(text: string, scheme: string): void {
  if (/[\t\n\r]/.test(text)) throw new TypeError(`a ${scheme}: URL must not hold tabs or line breaks`);
  const path = text.replace(/^[^:]*:/, '').replace(/[?#].*$/s, '');
  const parts = path.replaceAll(/%2e/gi, '.').split(/[/\\]|%2f|%5c/i);
  if (parts.includes('.') || parts.includes('..')) {
    throw new TypeError(
      `the path of a ${scheme}: URL must not have a part . or ..: it would lead out of the prefix`,
    );
  }
}

/** Reads a parameter that is `1` or `0`, `true` or `false`. */
export function flagOf(parameters: ReadonlyMap<string, string>, name: string): boolean | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw new TypeError(`parameter ${name} must be 1 or 0, not ${value}`);
}

/** Reads the parameter `client`: see `S3StoreOptions`. */
export function clientOf(parameters: ReadonlyMap<string, string>): 'lean' | 'sdk' | undefined {
  const value = parameters.get('client');
  if (value === undefined || value === 'lean' || value === 'sdk') return value;
  throw new TypeError(`parameter client must be lean or sdk, not ${value}`);
}
