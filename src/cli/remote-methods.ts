// The questions and commands of `inspect` and `control`, and the arguments each takes on the command line, as in Celery.
import { didYouMean, LovageError } from "../error.ts";

type Kind = "text" | "count" | "number" | "flag";

export interface RemoteMethod {
  /** For the usage line. */
  readonly signature?: string;
  readonly args?: readonly (readonly [name: string, kind: Kind])[];
  /** The name of an argument that takes all the words that are left. */
  readonly rest?: string;
  /** How many words there must be at least. */
  readonly required?: number;
}

export type RemoteMethods = Readonly<Record<string, RemoteMethod>>;

const plain: RemoteMethod = {};

export const inspectMethods: RemoteMethods = Object.freeze({
  active: plain,
  active_queues: plain,
  clock: plain,
  conf: { signature: "[include_defaults=false]", args: [["with_defaults", "flag"]] },
  memdump: { signature: "[n_samples=10]", args: [["samples", "count"]] },
  memsample: plain,
  objgraph: {
    signature: "[object_type=Request] [num=200 [max_depth=10]]",
    args: [
      ["type", "text"],
      ["num", "count"],
      ["max_depth", "count"],
    ],
  },
  ping: plain,
  query_task: { signature: "<id1> [id2 [... [idN]]]", rest: "ids", required: 1 },
  registered: { signature: "[attr1 [attr2 [... [attrN]]]]", rest: "taskinfoitems" },
  report: plain,
  reserved: plain,
  revoked: plain,
  scheduled: plain,
  stats: plain,
});

export const controlMethods: RemoteMethods = Object.freeze({
  add_consumer: {
    signature: "<queue> [exchange [type [routing_key]]]",
    args: [
      ["queue", "text"],
      ["exchange", "text"],
      ["exchange_type", "text"],
      ["routing_key", "text"],
    ],
    required: 1,
  },
  autoscale: {
    signature: "[max [min]]",
    args: [
      ["max", "count"],
      ["min", "count"],
    ],
  },
  cancel_consumer: { signature: "<queue>", args: [["queue", "text"]], required: 1 },
  disable_events: plain,
  enable_events: plain,
  heartbeat: plain,
  pool_grow: { signature: "[N=1]", args: [["n", "count"]] },
  pool_restart: plain,
  pool_shrink: { signature: "[N=1]", args: [["n", "count"]] },
  rate_limit: {
    signature: "<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
    args: [
      ["task_name", "text"],
      ["rate_limit", "text"],
    ],
    required: 2,
  },
  revoke: { signature: "<id1> [id2 [... [idN]]]", rest: "task_id", required: 1 },
  shutdown: plain,
  terminate: {
    signature: "<signal> <id1> [id2 [... [idN]]]",
    args: [["signal", "text"]],
    rest: "task_id",
    required: 2,
  },
  time_limit: {
    signature: "<task_name> <soft_secs> [hard_secs]",
    args: [
      ["task_name", "text"],
      ["soft", "number"],
      ["hard", "number"],
    ],
    required: 2,
  },
});

/**
 * The arguments of a command, from the words after its name.
 *
 * @throws LovageError("usage") for an unknown name, and for words that it does not take
 */
export function readArguments(
  methods: RemoteMethods,
  method: string,
  words: readonly string[],
): Readonly<Record<string, unknown>> {
  const found = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (found === undefined) throw unknownMethod(methods, method);
  const { args = [], rest, required = 0 } = found;
  if (words.length < required || (rest === undefined && words.length > args.length)) throw wrongUse(method, found);
  const named = words.slice(0, args.length).map((word, index) => {
    const [name = "", kind = "text"] = args[index] ?? [];
    return [name, readWord(word, kind, method)] as const;
  });
  return { ...Object.fromEntries(named), ...(rest === undefined ? {} : { [rest]: words.slice(args.length) }) };
}

function readWord(word: string, kind: Kind, method: string): unknown {
  if (kind === "text") return word;
  if (kind === "flag") return readFlag(word, method);
  const value = word.trim() === "" ? Number.NaN : Number(word);
  if (value >= 0 && Number.isFinite(value) && (kind === "number" || Number.isInteger(value))) return value;
  throw new LovageError("usage", `${method}: ${word} is no ${kind === "count" ? "whole " : ""}number from 0 on`);
}

/** The words Celery knows. */
function readFlag(word: string, method: string): boolean {
  const folded = word.toLowerCase();
  if (["true", "yes", "1", "on"].includes(folded)) return true;
  if (["false", "no", "0", "off"].includes(folded)) return false;
  throw new LovageError("usage", `${method}: ${word} is neither true nor false`);
}

function unknownMethod(methods: RemoteMethods, method: string): LovageError {
  const names = Object.keys(methods);
  const near = didYouMean(method, names);
  const hint = near === null ? `there are: ${names.join(", ")}` : `did you mean ${near}?`;
  return new LovageError("usage", method === "" ? "which one?" : `unknown method ${method}`, { hint });
}

function wrongUse(method: string, { signature }: RemoteMethod): LovageError {
  if (signature === undefined) return new LovageError("usage", `${method} takes no arguments`);
  return new LovageError("usage", `${method} takes: ${signature}`);
}
