// Shell patterns over names of tasks, as routes and annotations have them.

/** A pattern as Python's fnmatch has it: `*`, `?`, `[abc]` and `[!abc]`, over the whole name. */
export function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\[(!?)([^\]]+)\]|[.*+?^${}()|[\]\\]/g, (found, not?: string, set?: string) => {
    if (set !== undefined) return `[${not === "!" ? "^" : ""}${set.replaceAll(/[\\^]/g, "\\$&")}]`;
    if (found === "*") return ".*";
    return found === "?" ? "." : `\\${found}`;
  });
  return new RegExp(`^${source}$`, "s");
}
