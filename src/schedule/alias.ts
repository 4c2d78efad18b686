// Finds the alias that is to blame where a YAML document cannot be made into values, and where it is nested too deeply.
import type { Alias, Document } from "yaml";
import { isAlias, isCollection, isPair, Lexer, visit } from "yaml";

export function findUnresolvedAlias(document: Document.Parsed): Alias | null {
  let found: Alias | null = null;
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** An alias inside of what it stands for. */
export function findCircularAlias(document: Document.Parsed): Alias | null {
  let found: Alias | null = null;
  visit(document, {
    Alias: (_key, alias, path) => {
      if (!path.some((node) => isCollection(node) && node.anchor === alias.source)) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** The alias that stands for most nodes, counting those behind the aliases in it. */
export function findHeaviestAlias(document: Document.Parsed): Alias | null {
  const anchors = new Map<string, number>();
  let heaviest: Alias | null = null;
  let most = 0;
  const weigh = (node: unknown): number => {
    if (isPair(node)) return weigh(node.key) + weigh(node.value);
    if (isAlias(node)) {
      const weight = anchors.get(node.source) ?? 1;
      if (weight > most) [heaviest, most] = [node, weight];
      return weight;
    }
    const weight = isCollection(node) ? node.items.reduce<number>((sum, item) => sum + weigh(item), 1) : 1;
    const anchor = (node as { readonly anchor?: string } | null)?.anchor;
    if (anchor !== undefined) anchors.set(anchor, weight);
    return weight;
  };
  weigh(document.contents);
  return heaviest;
}

/** Begin of document, of a scalar, and an early end of brackets: tokens that stand for nothing in the text. */
const lexerMarks: ReadonlySet<string> = new Set(["\u0002", "\u001F", "\u0018"]);

/** The offset at which the deepest nesting begins: its outermost bracket, or the line that is indented the most. */
export function findDeepest(text: string): number {
  let [depth, outermost, deepest, found, offset] = [0, 0, 0, 0, 0];
  for (const token of new Lexer().lex(text)) {
    if (/^[[{]$/.test(token)) {
      if (depth === 0) outermost = offset;
      depth += 1;
      if (depth > deepest) [deepest, found] = [depth, outermost];
    }
    if (/^[\]}]$/.test(token)) depth -= 1;
    if (!lexerMarks.has(token)) offset += token.length;
  }
  const indented = findIndented(text);
  return deepest >= indented.depth ? found : indented.offset;
}

function findIndented(text: string): { readonly depth: number; readonly offset: number } {
  let most = { depth: 0, offset: 0 };
  for (const { 0: indent, index } of text.matchAll(/^(?: |[-?] )+/gm)) {
    if (indent.length > most.depth) most = { depth: indent.length, offset: index };
  }
  return most;
}
