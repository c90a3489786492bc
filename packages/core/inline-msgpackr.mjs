// After tsc: puts msgpackr's build without `eval` and without its native addon in the place of dist/value/msgpackr.js,
// as it is in the package, with its licence; see src/value/msgpackr.ts for why.
//
// Invariant: what is exported is what src/value/msgpackr.ts exports, by the same names.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const target = join(import.meta.dirname, 'dist/value/msgpackr.js');
const code = createRequire(import.meta.url).resolve('msgpackr/index-no-eval');
const folder = dirname(dirname(code));
const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
if (license !== 'MIT') throw new Error(`msgpackr ${version} is under ${license}: its text here expects MIT`);

const names = [...readFileSync(target, 'utf8').matchAll(/^export const ([\w$]+) =/gm)].map(
  ([, name]) => name,
);
if (names.length === 0)
  throw new Error(`${target}: found no "export const" to stand in for. Build with tsc first.`);

// It is a UMD module, one function inside of a wrapper that looks for the kinds of loaders there are. As an ES module
// it needs the function alone.
const umd =
  /^\(function \(global, factory\) \{[\s\S]*?\n\}\)\(this, \((?<body>function \(exports\) \{[\s\S]*\})\)\);\s*$/;
const { body } =
  umd.exec(readFileSync(code, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))?.groups ?? {};
if (body === undefined) throw new Error(`${code}: expected a UMD module of one function, found another text`);

// `@license` and `!` make bundlers and minifiers keep the notice.
const text = `/*! @license
 * msgpackr ${version}: dist/index-no-eval.cjs without its UMD wrapper.
 *
${readFileSync(join(folder, 'LICENSE'), 'utf8').trimEnd().replace(/^/gm, ' * ').replace(/ +$/gm, '')}
 */
const msgpackr = {};
(${body})(msgpackr);
export const { ${names.join(', ')} } = msgpackr;
`;
writeFileSync(target, text);
// It would map these lines to src/value/msgpackr.ts.
rmSync(`${target}.map`, { force: true });
