// The shape of what was written, checked against the schema. Links hold options that hold links: what refers to itself there,
// or goes too deep, is found first, for the check would follow it until there is no room for calls.
import { attemptInto } from "./parse-attempt.ts";
import { frozenCopy } from "./parse-frozen.ts";
import type { Issue, Path } from "./schema-issues.ts";
import { toIssues, valueAt } from "./schema-issues.ts";
import type { EntryData, FileHead } from "./schema.ts";
import { entrySchema, fileHeadSchema } from "./schema.ts";

export type Shape<Data> = { readonly data: Data } | { readonly issues: readonly Issue[] };

/** `at`: where the entry stands in its file. */
export function checkEntryShape(value: unknown, at: Path): Shape<EntryData> {
  const issues = endlessLinks(value, at);
  if (issues.length > 0) return { issues };
  const parsed = entrySchema.safeParse(value);
  return parsed.success ? { data: parsed.data } : { issues: toIssues(parsed.error.issues, value, at) };
}

export function checkHeadShape(head: unknown): Shape<FileHead> {
  const issues = endlessLinks(valueAt(head, ["defaults"]), ["defaults"]);
  if (issues.length > 0) return { issues };
  const parsed = fileHeadSchema.safeParse(head);
  return parsed.success ? { data: parsed.data } : { issues: toIssues(parsed.error.issues, head) };
}

function endlessLinks(holder: unknown, at: Path): readonly Issue[] {
  const options = valueAt(holder, ["options"]);
  const issues: Issue[] = [];
  if (hasLinks(options)) attemptInto(issues)([...at, "options"], () => frozenCopy(options));
  return issues;
}

function hasLinks(options: unknown): boolean {
  return typeof options === "object" && options !== null && ("link" in options || "link_error" in options);
}
