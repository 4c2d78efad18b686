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

const signatureObject = z.looseObject(
  {
    task: z.string({ error: "wants the name of a task" }).min(1, { error: "wants the name of a task" }),
    args: z.array(z.unknown(), { error: "wants a list" }).optional(),
    kwargs: z.record(z.string(), z.unknown(), { error: "wants a map" }).optional(),
    options: z.record(z.string(), z.unknown(), { error: "wants a map" }).optional(),
    subtask_type: z.string({ error: "wants text" }).nullish(),
    immutable: yesOrNo.optional(),
  },
  { error: "wants a signature such as {task: proj.done, args: [1]}" },
);

const signature = z.union([z.string(), signatureObject], {
  error: "wants the name of a task, or a signature such as {task: proj.done, args: [1]}",
});

const signatures = z.union([signature, z.array(signature)], {
  error: "wants a signature such as {task: proj.done, args: [1]}, or a list of them",
});

export type SignatureData = z.output<typeof signature>;

export const optionsSchema = {
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
  link: signatures.optional().describe("What to call after success."),
  link_error: signatures.optional().describe("What to call after failure."),
};

export type OptionsData = z.output<z.ZodObject<typeof optionsSchema>>;
