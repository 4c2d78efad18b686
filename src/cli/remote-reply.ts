// An answer of a worker on the terminal, laid out as Celery lays it out.
import { oneLine } from "../log-text.ts";
import { writeJson } from "../protocol/json-writer.ts";
import { isContainer, pythonRepr } from "../protocol/repr.ts";

/** The lines of a reply: who, how it went, and what was said, indented. */
export function formatReply(reply: Readonly<Record<string, unknown>>, quiet = false): string {
  const [[node, content] = ["", null]] = Object.entries(reply);
  const { status, body } = describe(content);
  const lines = body.split("\n").map((line) => oneLine(`    ${line}`));
  return `${quiet ? "" : "-> "} ${oneLine(node)}: ${status}\n${lines.join("\n")}\n`;
}

interface Described {
  readonly status: "OK" | "ERROR";
  readonly body: string;
}

function describe(content: unknown): Described {
  if (typeof content === "string") return { status: "OK", body: content };
  if (Array.isArray(content)) return { status: "OK", body: listText(content) };
  if (!isContainer(content)) return { status: "OK", body: pythonRepr(content) };
  const { ok, error } = content as { readonly ok?: unknown; readonly error?: unknown };
  if (ok === undefined && error === undefined) return { status: "OK", body: prettyJson(content, "") };
  const { body } = describe(ok ?? error);
  return { status: ok === undefined ? "ERROR" : "OK", body: body.replaceAll(/^/gm, "    ") };
}

function listText(items: readonly unknown[]): string {
  if (items.length === 0) return "- empty -";
  return items.map((item) => `* ${typeof item === "string" ? item : pythonRepr(item)}`).join("\n");
}

/** Four spaces a level, the keys in order. */
function prettyJson(value: unknown, indent: string): string {
  if (!isContainer(value)) return writeJson(value);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const rows = isList
    ? value.map((item) => prettyJson(item, inner))
    : Object.entries(value)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, item]) => `${writeJson(key)}: ${prettyJson(item, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  return rows.length === 0 ? open + close : `${open}\n${inner}${rows.join(`,\n${inner}`)}\n${indent}${close}`;
}
