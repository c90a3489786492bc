// What the files of a folder import, read from their text: no file is run or compiled for it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** The TypeScript files below a folder, in order; none where there is no such folder. */
export function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes(`${sep}node_modules${sep}`))
    .sort();
}

/** Every import, re-export, `import()` and import type of a file. */
export function importsOf(file) {
  const code = withoutComments(readFileSync(file, 'utf8'));
  const found = [];
  const statements = [
    /\b(?:import|export)\b(?<type>\s+type\b(?!\s*(?:,|from\b)))?[\s\w$*{},]*?\bfrom\s*(['"])(?<from>[^'"\n]+)\2/g,
    /(?<!['".\w$-])import\s*(['"])(?<from>[^'"\n]+)\1/g,
    /(?<type>:\s*|\btypeof\s+)?\bimport\s*\(\s*(['"])(?<from>[^'"\n]+)\2/g,
  ];
  for (const statement of statements) {
    for (const match of code.matchAll(statement)) {
      const { from, type } = match.groups;
      // The line of the module's name: that is what there is to change.
      const line = code.slice(0, match.index + match[0].length).split('\n').length;
      found.push({ from, line, isType: type !== undefined });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

/** Blanks comments and quoted code (strings no module could be called); lines keep their numbers. */
function withoutComments(code) {
  const tokens =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;
  return code.replace(tokens, (token) =>
    /^(['"])[^\s'"]*\1$/.test(token) ? token : token.replace(/[^\n]/g, ' '),
  );
}
