// What a node calls itself: `celery@host`, with Celery's abbreviations for host names in it and in the names of its files.
import { hostname } from "node:os";
import { LovageError } from "../error.ts";

const workerName = "celery";

/**
 * The node name that `-n` asks for: `w1` is a host, `w1@%h` a name on this one. As in Celery, `%h` is the host name, `%n`
 * its first part, `%d` the rest of it, `%i` and `%I` the index of a pool process (here `0` and nothing), `%%` a percent sign.
 *
 * @throws LovageError("usage") for another abbreviation, or a name with blanks in it
 */
export function nodeName(
  written: string | undefined,
  host: string = hostname(),
  defaultName: string = workerName,
): string {
  const [, name = "", place = ""] = /^(?:([^@]*)@)?(.*)$/s.exec(written ?? "") ?? [];
  const [shortHost = host] = host.split(".");
  const whole = `${name || defaultName}@${place || host}`;
  return withoutBlanks(expand(whole, { host, name: shortHost }), written);
}

function withoutBlanks(name: string, written: string | undefined): string {
  if (!/[\s\0]/.test(name)) return name;
  const hint = "write a name without blanks, such as w1@%h";
  throw new LovageError("usage", `-n ${JSON.stringify(written)} is no node name`, { hint });
}

/**
 * The same abbreviations in the name of a file of the node's: `%n` is the part of the node name before the `@`, `%h` the
 * part after it, and `%p` all of it.
 *
 * @throws LovageError("usage") for another abbreviation
 */
export function expandNode(text: string, node: string): string {
  const at = node.indexOf("@");
  return expand(text, { host: node.slice(at + 1), name: at <= 0 ? workerName : node.slice(0, at), node });
}

interface Names {
  readonly host: string;
  readonly name: string;
  readonly node?: string;
}

function expand(text: string, { host, name, node }: Names): string {
  const domain = host.includes(".") ? host.slice(host.indexOf(".") + 1) : "";
  const values: Readonly<Record<string, string | undefined>> = {
    h: host,
    n: name,
    d: domain,
    i: "0",
    I: "",
    p: node,
    "%": "%",
  };
  return text.replaceAll(/%([\w%]?)/g, (written, key: string) => {
    const value = values[key];
    if (value !== undefined) return value;
    const hint = `write one of %h (host), %n (name), %d (domain), %i, %I${node === undefined ? "" : ", %p"}, or %% for %`;
    throw new LovageError("usage", `${written} in ${JSON.stringify(text)} stands for nothing`, { hint });
  });
}
