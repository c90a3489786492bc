/**
 * As much of a page's DOMParser as the AWS SDK's build for browsers asks for, for XML as S3 sends it: elements, text,
 * the five entities.
 */
export interface SmallNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly textContent: string;
  readonly attributes: { name: string; value: string }[];
  readonly childNodes: SmallNode[];
}

export const SmallNodeTypes = { ELEMENT_NODE: 1, TEXT_NODE: 3 } as const;

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const plain = (text: string): string =>
  text.replace(/&(lt|gt|amp|quot|apos);/g, (_, name) => entities[name]!);

function text(content: string): SmallNode {
  return { nodeType: 3, nodeName: '#text', textContent: content, attributes: [], childNodes: [] };
}

function element(nodeName: string, attributes: SmallNode['attributes']): SmallNode {
  const childNodes: SmallNode[] = [];
  return {
    nodeType: 1,
    nodeName,
    attributes,
    childNodes,
    get textContent() {
      return childNodes.map((child) => child.textContent).join('');
    },
  };
}

export class SmallDOMParser {
  parseFromString(xml: string): { documentElement: SmallNode; getElementsByTagName(): SmallNode[] } {
    const top = element('#document', []);
    const open = [top];
    for (const [, close, name, rest = '', self, content] of xml.matchAll(
      /<(\/)?([\w:.-]+)([^<>]*?)(\/)?>|<\?[^>]*\?>|([^<]+)/g,
    )) {
      if (content !== undefined) open.at(-1)!.childNodes.push(text(plain(content)));
      else if (close) open.pop();
      else if (name !== undefined) {
        const attributes = [...rest.matchAll(/([\w:.-]+)="([^"]*)"/g)];
        const made = element(
          name,
          attributes.map(([, attribute = '', value = '']) => ({ name: attribute, value: plain(value) })),
        );
        open.at(-1)!.childNodes.push(made);
        if (!self) open.push(made);
      }
    }
    return {
      documentElement: top.childNodes.find(({ nodeType }) => nodeType === 1)!,
      getElementsByTagName: () => [],
    };
  }
}
