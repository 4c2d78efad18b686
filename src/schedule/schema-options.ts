// The options of Celery's apply_async in the words of a schedule file; spans may be written as people write them.
import { z } from "zod";

/** YAML 1.2 knows true and false only: `yes` and `on` are text there, which the error names. */
export const yesOrNo = z.boolean({ error: "wants true or false" });

const span = z.union([z.number(), z.string()], { error: "wants seconds or a span such as 90s or 1h30m" });

const text = z.string({ error: "wants text" });

const whole = (least: number, most: number): z.ZodNumber => {
  const error = `wants a whole number from ${least} to ${most}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
};

const plainOptions = {
  queue: text.optional().describe("The queue to send to."),
  exchange: text.optional().describe("The exchange to send to."),
  routing_key: text.optional().describe("The routing key."),
  priority: whole(0, 255).optional().describe("0 to 255; on Redis 0 comes first, on RabbitMQ the highest."),
  expires: span
    .optional()
    .describe("Seconds or a span after sending, an instant, or next: when the following occurrence is due."),
  countdown: span.optional().describe("Run this long after sending, at the earliest."),
  eta: text.optional().describe("Run at this instant, at the earliest."),
  headers: z
    .record(z.string(), z.unknown(), { error: "wants a map" })
    .optional()
    .describe("Headers of your own for the message."),
  serializer: text.optional().describe("How the message's body is written: json."),
  compression: text.optional().describe("How the message's body is compressed."),
  time_limit: span.optional().describe("The worker kills the task after this long."),
  soft_time_limit: span.optional().describe("The task gets an exception after this long."),
  ignore_result: yesOrNo.optional().describe("true: the result is not kept."),
  shadow: text.optional().describe("The task's name in logs."),
  delivery_mode: whole(1, 2).optional().describe("2: survives a restart of the broker; 1: does not."),
  retries: whole(0, 1_000_000).optional().describe("How often it was tried already."),
  reply_to: text.optional().describe("The queue for the result."),
  argsrepr: text.optional().describe("What logs show for the positional arguments."),
  kwargsrepr: text.optional().describe("What logs show for the keyword arguments."),
};

const word = { error: "wants the name of a task, or a signature such as {task: proj.done, args: [1]}" };
const taskName = z.string({ error: "wants the name of a task" }).min(1, { error: "wants the name of a task" });

/** Celery's other options of a call: they make sense in a signature that comes ready-made. */
const ownOfCalls =
  "task_id root_id parent_id group_id group_index exchange_type chain chord replaced_task_nesting retry retry_policy " +
  "stamped_headers";

const signatureShape = {
  task: taskName.describe("The task's name."),
  args: z.array(z.unknown(), { error: "wants a list" }).optional().describe("After the result, which comes first."),
  kwargs: z.record(z.string(), z.unknown(), { error: "wants a map" }).optional().describe("Keyword arguments."),
  options: z
    .lazy(() => signatureOptions)
    .optional()
    .describe("Options of this call, such as its queue."),
  subtask_type: text.nullish().describe("What Celery writes for chains and groups."),
  immutable: yesOrNo.optional().describe("true: it is called without the result."),
  chord_size: z.unknown().optional().describe("What Celery writes for chords."),
};

const signatureObject = z
  .looseObject(signatureShape, { error: "wants a signature such as {task: proj.done, args: [1]}" })
  .check(refuseOthers(Object.keys(signatureShape)))
  .meta({ id: "signature", additionalProperties: false });

const signature = z.union([taskName, signatureObject], word);

const signatures = z.union([signature, z.array(signature, word)], {
  error: "wants a signature such as {task: proj.done, args: [1]}, or a list of them",
});

const links = () => ({
  link: signatures.optional().describe("What to call after success."),
  link_error: signatures.optional().describe("What to call after failure."),
});

export const optionsSchema = { ...plainOptions, ...links() };

/** The options of a signature's own, where signatures may follow again. */
const signatureOptions: z.ZodType<SignatureOptionsData> = z
  .looseObject({ ...plainOptions, ...links() }, { error: "wants a map such as {queue: reports}" })
  .check(refuseOthers([...Object.keys(optionsSchema), ...ownOfCalls.split(" ")]))
  .meta({ id: "signatureOptions" });

export interface SignatureWords {
  readonly task: string;
  readonly args?: readonly unknown[] | undefined;
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  readonly options?: SignatureOptionsData | undefined;
  readonly subtask_type?: string | null | undefined;
  readonly immutable?: boolean | undefined;
}

export type SignatureOptionsData = Readonly<Record<string, unknown>>;
export type SignatureData = string | SignatureWords;

/** The keys of a signature, for "did you mean". */
export const signatureKeys = Object.keys(signatureShape).filter((key) => key !== "chord_size");

export type OptionsData = z.output<z.ZodObject<typeof optionsSchema>>;

/** Like a strict object, but stamps, whose names are free, are let through. */
function refuseOthers(known: readonly string[]): z.core.$ZodCheck<Record<string, unknown>> {
  const check = z.check<Record<string, unknown>>(({ value, issues }) => {
    const stamps = Array.isArray(value["stamped_headers"]) ? (value["stamped_headers"] as readonly unknown[]) : [];
    const keys = Object.keys(value).filter((key) => !known.includes(key) && !stamps.includes(key));
    if (keys.length > 0) issues.push({ code: "unrecognized_keys", keys, input: value });
  });
  // Also beside other mistakes, which are often a misspelt key's.
  check["_zod"].def.when = ({ value }) => typeof value === "object" && value !== null && !Array.isArray(value);
  return check;
}
