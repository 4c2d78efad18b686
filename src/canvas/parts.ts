// What signatures of several tasks are made of: read from their wire shape, and put together again with something added.
import { LovageError } from "../error.ts";
import { type SignatureJson, signatureJson, signatureList } from "../protocol/signature-json.ts";

/** The tasks of a group or a chain, as they are written. */
export function tasksOf(canvas: SignatureJson): readonly SignatureJson[] {
  return signatureList(canvas.kwargs["tasks"], `${canvas.task}.tasks`) ?? [];
}

/** Groups within a group are part of it, as in Celery. */
export function membersOf(group: SignatureJson): readonly SignatureJson[] {
  return tasksOf(group).flatMap((task) => (task.subtask_type === "group" ? membersOf(task) : [task]));
}

/** The header of a chord as a group; Celery has a group there, or a bare list of tasks. */
export function headerOf(chord: SignatureJson): SignatureJson {
  const { header } = chord.kwargs;
  if (!Array.isArray(header)) {
    const given = signatureJson(header, `${chord.task}.header`);
    if (given.subtask_type === "group") return given;
  }
  return groupOf(signatureList(header, `${chord.task}.header`) ?? []);
}

/** @throws {LovageError} when the chord has none */
export function bodyOf(chord: SignatureJson): SignatureJson {
  const body = chord.kwargs["body"] ?? null;
  if (body !== null) return signatureJson(body, `${chord.task}.body`);
  throw new LovageError("config", `a ${chord.task} has no body`, {
    hint: "write chord(header, body): the body is called with the results of the header",
  });
}

export function groupOf(tasks: readonly SignatureJson[], options: SignatureJson["options"] = {}): SignatureJson {
  return { task: "celery.group", args: [], kwargs: { tasks }, options, subtask_type: "group", immutable: false };
}

export function chordOf(header: SignatureJson, body: SignatureJson): SignatureJson {
  const kwargs = { kwargs: {}, header, body };
  return { task: "celery.chord", args: [], kwargs, options: {}, subtask_type: "chord", immutable: false };
}

export function withOptions(signature: SignatureJson, options: SignatureJson["options"]): SignatureJson {
  return { ...signature, options: { ...signature.options, ...options } };
}

export function withKwargs(signature: SignatureJson, kwargs: SignatureJson["kwargs"]): SignatureJson {
  return { ...signature, kwargs: { ...signature.kwargs, ...kwargs } };
}

/** Null where the option is not given. */
export function textOption({ options }: SignatureJson, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What is linked to a chord waits for its body; what is linked to a group, for each of its tasks. */
export function linked(signature: SignatureJson, name: "link" | "link_error", more: unknown): SignatureJson {
  const added = signatureList(more, name) ?? [];
  if (added.length === 0) return signature;
  if (signature.subtask_type === "chord") {
    return withKwargs(signature, { body: linked(bodyOf(signature), name, added) });
  }
  if (signature.subtask_type === "group") {
    return withKwargs(signature, { tasks: tasksOf(signature).map((task) => linked(task, name, added)) });
  }
  const known = signatureList(signature.options[name], name) ?? [];
  const texts = new Set(known.map((link) => JSON.stringify(link)));
  return withOptions(signature, { [name]: [...known, ...added.filter((link) => !texts.has(JSON.stringify(link)))] });
}

/**
 * The same, with the rest of a chain behind it.
 *
 * @param rest in reverse: the next task is the last, as in a message
 */
export function followedBy(signature: SignatureJson, rest: readonly SignatureJson[]): SignatureJson {
  if (signature.subtask_type === "chord") {
    return withKwargs(signature, { body: followedBy(bodyOf(signature), rest) });
  }
  const next = rest.at(-1);
  if (signature.subtask_type === "group") {
    // Only a chord can wait for a whole group.
    return next === undefined ? signature : chordOf(signature, followedBy(next, rest.slice(0, -1)));
  }
  return withOptions(signature, { chain: [...rest, ...(signatureList(signature.options["chain"], "chain") ?? [])] });
}
