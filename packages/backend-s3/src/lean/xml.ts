/**
 * The documents of S3's answers. They come from whoever answers for the store: their length is bounded before they
 * are read (bounds.ts), no document type is followed, and what is no XML is an error.
 */
import type { XmlElement, XmlNode } from '@rgrove/parse-xml';

/** Loaded at the first such answer: a store that is opened and read may have none. */
let parser: Promise<typeof import('@rgrove/parse-xml')> | undefined;

/** @throws Error for what is no XML document. */
export async function readXml(bytes: Uint8Array): Promise<XmlElement> {
  parser ??= import('@rgrove/parse-xml');
  const { parseXml } = await parser;
  const { root } = parseXml(new TextDecoder().decode(bytes));
  if (root === null) throw new Error('an XML document without an element');
  return root;
}

export function elementsOf(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter((node): node is XmlElement => isElement(node) && node.name === name);
}

/** @returns the text of the first element of that name; undefined if there is none. */
export function textOf(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((node): node is XmlElement => isElement(node) && node.name === name)?.text;
}

function isElement(node: XmlNode): node is XmlElement {
  return node.type === 'element';
}

/** Text to stand between tags. Control characters must not be in it: XML 1.0 has no way to write them. */
export function escapeText(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt' }[character]};`);
}
