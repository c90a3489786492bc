// Checks what the documents point at: relative links and their anchors resolve, and a test that is named after a
// link to its file (in italics: `[x.test.ts](test/x.test.ts): _does this_, _and that_`) is in that file.
//
// Usage: node tools/check-links.mjs [--root <folder>]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const { root = process.cwd() } = parseArgs({ options: { root: { type: 'string' } } }).values;
const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'];
const files = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));

const violations = [];
const anchorsOf = new Map();
let links = 0;
for (const file of files) {
  proseLines(file).forEach((line, index) => {
    const report = (what) => violations.push(`${file}:${index + 1}: ${what}`);
    for (const { target, after } of linksOf(line)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      links++;
      const [path, anchor] = decodeURIComponent(target).split('#');
      const found = path === '' ? file : join(dirname(file), path);
      if (found.startsWith('..') || !existsSync(join(root, found))) report(`no such file: ${target}`);
      else if (anchor !== undefined && found.endsWith('.md') && !anchors(found).has(anchor))
        report(`no such heading: ${target}`);
      else if (found.endsWith('.test.ts'))
        for (const name of namesAfter(after))
          if (!readFileSync(join(root, found), 'utf8').replaceAll('\\', '').includes(name))
            report(`no test of this name in ${found}: ${name}`);
    }
  });
}

for (const line of violations) console.error(line);
console.log(`links: ${files.length} documents, ${links} links, ${violations.length} violations`);
if (violations.length > 0) process.exitCode = 1;

/** Inline links and images, `src` and `href` of HTML, and definitions; with what stands behind them. */
function* linksOf(line) {
  const shown = line.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length));
  for (const match of shown.matchAll(
    /\]\(<?([^()\s>]+)>?(?:\s+"[^"]*")?\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]:\s+(\S+)/g,
  ))
    yield { target: match[1] ?? match[2] ?? match[3], after: line.slice(match.index + match[0].length) };
}

/** The italics right behind a link: `: _one_, _two_`. */
function namesAfter(text) {
  const names = [];
  const italics = /^(?:[:,;]?\s*(?:and\s+)?)([*_])(.+?)\1(?![\p{L}\p{N}])/u;
  for (let rest = text, match = italics.exec(rest); match; match = italics.exec(rest)) {
    names.push(match[2].replaceAll('\\', ''));
    rest = rest.slice(match[0].length);
  }
  return names;
}

function anchors(file) {
  const known = anchorsOf.get(file);
  if (known) return known;
  const found = new Set();
  anchorsOf.set(file, found);
  for (const line of proseLines(file)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    // As GitHub makes them: link texts without their targets, lower case, no punctuation, hyphens for spaces.
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let name = slug;
    for (let n = 1; found.has(name); n++) name = `${slug}-${n}`;
    found.add(name);
  }
  return found;
}

/** The lines of a document, those of code blocks and comments emptied. */
function proseLines(file) {
  let fence;
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .map((line) => {
      const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
      if (fence === undefined && mark === undefined) return line.replace(/<!--.*?-->/g, '');
      if (fence === undefined) fence = mark;
      else if (mark?.startsWith(fence)) fence = undefined;
      return '';
    });
}
