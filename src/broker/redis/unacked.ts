// What stands in kombu's hash of taken messages: `[message, exchange, routing key]`, read without touching the message.
import { quoteJson } from "../../protocol/json-writer.ts";

export interface Unacked {
  /** The message as it stood in its list. */
  readonly text: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/** What we write after a message, so that kombu too gives it back to this very queue. */
export function unackedEnd(queue: string): string {
  return `, "", ${quoteJson(queue)}]`;
}

// From the end, so that a message that is not JSON at all is found too.
const form = /^\[([^]*), ("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\]$/;

/** Null for what neither we nor kombu wrote. */
export function parseUnacked(value: string): Unacked | null {
  const [, text, exchange, routingKey] = form.exec(value) ?? [];
  if (text === undefined || exchange === undefined || routingKey === undefined) return null;
  return { text, exchange: JSON.parse(exchange) as string, routingKey: JSON.parse(routingKey) as string };
}

const mark = '"redelivered": true';
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g;

/**
 * Says in a message that somebody had it before, where kombu says so: in its headers and its delivery_info. All else stays
 * as it is, byte for byte. The text must be JSON.
 */
export function markRedelivered(text: string): string {
  const ends = endsOf(text, ["headers", "properties/delivery_info"]);
  let marked = "";
  let from = 0;
  for (const { at, isEmpty } of ends) {
    marked += `${text.slice(from, at)}${isEmpty ? "" : ", "}${mark}`;
    from = at;
  }
  return marked + text.slice(from);
}

interface End {
  /** Where the closing bracket is. */
  readonly at: number;
  readonly isEmpty: boolean;
}

/** Where the objects with these paths end, in the order of the text. */
function endsOf(text: string, paths: readonly string[]): readonly End[] {
  const found: End[] = [];
  const path: string[] = [];
  let key = "";
  let before = "";
  for (const { 0: part, index } of text.matchAll(token)) {
    if (part === "{" || part === "[") {
      path.push(key);
      key = "";
    } else if (part === "}" || part === "]") {
      if (paths.includes(path.slice(1).join("/"))) found.push({ at: index, isEmpty: before === "{" });
      path.pop();
    } else if (part !== "," && (before === "{" || before === ",")) {
      // In a list this is a value, under a path that nobody asks for.
      key = part.slice(1, -1);
    }
    before = part;
  }
  return found;
}
