/**
 * From a `file:` location to a folder.
 *
 * `file:/dir` and `file:///dir` are absolute, as in any URL. `file:dir` and `file:./dir` are relative to the working
 * folder: that is ours, URLs have no such thing; otherwise these are URLs too. So `%20` is a space in all of them, `?`
 * begins parameters and `#` a fragment, of which there are none.
 *
 * Invariants:
 * - One URL is one folder, however it is spelled; what a folder's name can't be is refused.
 * - `..` stands at the beginning of a relative path or nowhere: no name that is put in behind a folder leads out of it.
 */

/** @param windows whether the folder is one of Windows, where `\` stands between folders too. */
export function folderOf(text: string, windows: boolean = onWindows()): string {
  let path = text.slice('file:'.length);
  refuseParameters(path);
  if (path.startsWith('//')) {
    const [, host = '', rest = ''] = /^\/\/([^/]*)(.*)$/s.exec(path) ?? [];
    // A host may hold a password before an @, so it is not shown.
    if (host !== '' && host.toLowerCase() !== 'localhost')
      throw new TypeError(
        'A file: location has no host: expected file:./dir or file:///dir, found something between // and /.',
      );
    path = rest === '' ? '/' : rest;
  }
  if (path === '') throw new TypeError('A file: location needs a folder: expected file:./dir, found file:.');
  if (windows) path = path.replaceAll('\\', '/').replace(/^\/(?=[a-z]:)/i, '');
  else if (path.includes('\\'))
    throw new TypeError(
      'A file: location has / between folders, found \\. For a backslash in a name write %5C.',
    );
  const absolute = path.startsWith('/') || (windows && /^[a-z]:/i.test(path));
  const parts = path.split('/').map((part) => partOf(part, windows));
  refuseWayOut(parts, absolute);
  return parts.join('/');
}

function onWindows(): boolean {
  return (globalThis as { process?: { platform?: string } }).process?.platform === 'win32';
}

function refuseParameters(path: string): void {
  const [, mark, rest = ''] = /([?#])(.*)$/s.exec(path) ?? [];
  if (mark === '#')
    throw new TypeError(
      "A file: location has no #fragment, found one. For a # in a folder's name write %23.",
    );
  if (mark === '?') {
    const names = [...new URLSearchParams(rest.replace(/#.*$/s, '')).keys()];
    throw new TypeError(
      `A file: location takes no parameters, found ${names.length === 0 ? '?' : names.map((name) => JSON.stringify(name)).join(', ')}. For a ? in a folder's name write %3F.`,
    );
  }
}

function partOf(encoded: string, windows: boolean): string {
  let part: string;
  try {
    part = decodeURIComponent(encoded);
  } catch {
    throw new TypeError(
      'A file: location has bad percent-encoding: expected % and two hex digits for a byte of UTF-8. For a % in a name write %25.',
    );
  }
  const separator = windows ? /[/\\\0]/ : /[/\0]/;
  if (separator.test(part))
    throw new TypeError(
      'A file: location has %2F, %5C or %00 in the name of a folder: expected / between folders, and names without NUL.',
    );
  return part;
}

function refuseWayOut(parts: readonly string[], absolute: boolean): void {
  const first = absolute ? 0 : parts.findIndex((part) => part !== '.' && part !== '..');
  if (first >= 0 && parts.indexOf('..', first) >= 0)
    throw new TypeError(
      'A file: location has ".." behind a folder: expected it at the beginning of a relative path (file:../dir) or nowhere, so that no name leads out of the folder before it. Write the folder that is meant.',
    );
}
