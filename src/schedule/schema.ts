// What a schedule file may say: one schema gives the TypeScript type, the check at run time and the JSON Schema for editors.
import { z } from "zod";
import { optionsSchema, signatureKeys, yesOrNo } from "./schema-options.ts";
import { solarEvents } from "./solar.ts";

const duration = z.union([z.number(), z.string()], { error: "wants seconds or a span such as 10s, 1h30m or PT5M" });

const timezone = z.string({ error: "wants the name of a time zone, such as Europe/Oslo" });

const instant = z.string({ error: "wants a date or a date and time, such as 2026-12-24 or 2026-12-24T18:00" });

const date = z.string({ error: "wants a date such as 2026-12-24" });

const dayMatch = z.enum(["and", "or"], { error: "wants and, or or" });

const dst = z.union(
  [
    z.enum(["vixie", "wall", "celery"]),
    z.strictObject({
      gap: z.enum(["next", "shift", "skip"], { error: "wants next, shift or skip" }),
      overlap: z.enum(["first", "second", "both"], { error: "wants first, second or both" }),
    }),
  ],
  { error: "wants vixie, wall, celery or {gap: next | shift | skip, overlap: first | second | both}" },
);

const crontabField = z.union([z.number(), z.string(), z.array(z.union([z.number(), z.string()]))], {
  error: "wants a number, a list of numbers or text such as */5, 1-5 or mon",
});

const crontabFields = z.strictObject({
  second: crontabField.optional().describe("Second of the minute; left out, 0."),
  minute: crontabField.optional().describe("Minute of the hour; left out, every minute."),
  hour: crontabField.optional().describe("Hour of the day; left out, every hour."),
  day_of_week: crontabField.optional().describe("Day of the week: sun or 0 to sat or 6; left out, every day."),
  day_of_month: crontabField.optional().describe("Day of the month, 1 to 31; left out, every day."),
  month_of_year: crontabField.optional().describe("Month of the year: jan or 1 to dec or 12; left out, every month."),
});

const crontabSpec = z.union([z.string(), crontabFields], {
  error: 'wants five fields such as "30 7 * * mon", or {minute: 30, hour: 7, day_of_week: mon}',
});

const solarEvent = z.enum(solarEvents, { error: `wants one of ${solarEvents.join(", ")}` });

const degrees = (most: number): z.ZodNumber => {
  const error = `wants degrees from -${most} to ${most}`;
  return z.number({ error }).min(-most, { error }).max(most, { error });
};

const scheduleObjects = {
  every: z
    .strictObject({
      every: duration.describe("The interval: seconds, or a span such as 10s or 1h30m."),
      anchor: instant.optional().describe("An instant on the grid, such as 2026-01-01T00:00Z."),
      relative: yesOrNo.optional().describe("Round to the unit of the interval, as Celery does."),
    })
    .describe("Every so often, in elapsed time."),
  crontab: z
    .strictObject({
      crontab: crontabSpec,
      timezone: timezone.optional(),
      dst: dst.optional(),
      day_match: dayMatch.optional(),
    })
    .describe("At the minutes that match, on the wall clock of a time zone."),
  solar: z
    .strictObject({
      solar: solarEvent,
      latitude: degrees(90).describe("Degrees north of the equator."),
      longitude: degrees(180).describe("Degrees east of Greenwich."),
      offset: duration.optional().describe("How much later, or earlier when negative: -15m."),
    })
    .describe("When the sun stands where you say."),
  at: z.strictObject({ at: instant.describe("In the entry's zone, where it has no offset.") }).describe("Once."),
};

const schedule = z
  .union(
    [z.number(), z.string(), scheduleObjects.every, scheduleObjects.crontab, scheduleObjects.solar, scheduleObjects.at],
    {
      error:
        'wants seconds, a span such as 1h30m, a crontab such as "30 7 * * mon", or {every | crontab | solar | at: …}',
    },
  )
  .meta({
    description: "When: seconds, a span (1h30m), a crontab in quotes, @daily, or {every | crontab | solar | at: …}.",
    examples: [10, "1h30m", "30 7 * * mon", "@daily", { every: "10s", anchor: "2026-01-01T00:00Z" }],
  });

const exclusion = z.union(
  [
    z.string(),
    z.strictObject({ from: date, to: date }).describe("From one date to another, both included."),
    z.strictObject({ crontab: crontabSpec }),
  ],
  { error: 'wants a date (2026-12-25), two dates (2026-12-24..2027-01-01) or a crontab ("* 0-6 * * *")' },
);

const count = (error: string): z.ZodNumber => z.number({ error }).int({ error }).min(1, { error });

const url = z.string({ error: "wants a URL such as https://hc-ping.com/…" });

const ping = z
  .union(
    [
      url,
      z.strictObject({
        success: url.optional().describe("Fetched when a run was sent."),
        failure: url.optional().describe("Fetched when a run could not be sent."),
      }),
    ],
    { error: "wants a URL, or {success: …, failure: …}" },
  )
  .describe("A URL to fetch whenever a run was sent; with /fail at its end when one could not be.");

const limits = {
  relative: yesOrNo.optional().describe("An interval rounds to its unit, as in Celery."),
  timezone: timezone.optional().describe("IANA name; left out, that of the file, else of the app."),
  dst: dst.optional().describe("What happens to times that a clock change skips or repeats."),
  day_match: dayMatch.optional().describe("Whether both day fields of a crontab must match (and), or either (or)."),
  start_at: instant.optional().describe("Nothing runs before; in the entry's zone, where it has no offset."),
  end_at: instant.optional().describe("Nothing runs after; a mere date includes that day."),
  max_runs: count("wants a whole number of runs, 1 or more").optional().describe("Finished after so many runs."),
  exclude: z
    .union([exclusion, z.array(exclusion)], { error: "wants a date, two dates, a crontab, or a list of these" })
    .optional()
    .describe("Dates, date ranges or crontabs at which it does not run."),
  enabled: yesOrNo.optional().describe("false: known, but does not run."),
  jitter: duration.optional().describe("Send up to this much later; the share is fixed by name and due time."),
  missed: z
    .enum(["latest", "earliest", "all", "skip"], { error: "wants latest, earliest, all or skip" })
    .optional()
    .describe("Which of the runs missed while beat was away to make up."),
  missed_within: duration.optional().describe("Missed runs older than this are not made up."),
  overlap: z
    .enum(["allow", "skip", "skip_queued"], { error: "wants allow, skip or skip_queued" })
    .optional()
    .describe("Whether to run while the previous run has not ended (skip), or not even begun (skip_queued)."),
  overlap_limit: duration.optional().describe("A run that shows no end for this long counts as gone, for overlap."),
  ping: ping.optional(),
  description: z.string({ error: "wants text" }).optional().describe("For people."),
};

const options = z
  .strictObject(optionsSchema, { error: "wants a map such as {queue: reports, expires: 60}" })
  .describe("The options of Celery's apply_async.");

/** One entry, in the words of a file. */
export const entrySchema = z.strictObject(
  {
    task: z
      .string({ error: "wants the name of a task, such as proj.add" })
      .min(1, { error: "wants the name of a task, such as proj.add" })
      .describe("The task's name, such as proj.add."),
    schedule,
    args: z
      .array(z.unknown(), { error: "wants a list, such as [16, 16]" })
      .optional()
      .describe("Positional arguments."),
    kwargs: z
      .record(z.string(), z.unknown(), { error: "wants a map, such as {x: 16, y: 16}" })
      .optional()
      .describe("Keyword arguments."),
    options: options.optional(),
    ...limits,
  },
  { error: "wants a map with task and schedule" },
);

const defaultsSchema = z
  .strictObject(
    { options: options.optional(), ...limits },
    { error: "wants a map, such as {options: {queue: reports}}" },
  )
  .describe("What entries of this file have where they say nothing themselves.");

/** A whole file that is not empty. */
export const fileSchema = z.strictObject(
  {
    timezone: timezone.optional().describe("IANA name, for entries that have none of their own."),
    defaults: defaultsSchema.optional(),
    entries: z
      .record(z.string(), entrySchema, { error: "wants a map of names to entries" })
      .nullish()
      .describe("What to run and when, by name."),
  },
  { error: "wants a map with timezone and entries" },
);

/** The words of a file but its entries, for a reader that takes those one at a time. */
export const fileHeadSchema = fileSchema.omit({ entries: true });

export type EntryData = z.output<typeof entrySchema>;
export type DefaultsData = z.output<typeof defaultsSchema>;
export type ScheduleData = EntryData["schedule"];
export type CrontabData = z.output<typeof crontabSpec>;
export type ExclusionData = z.output<typeof exclusion>;
export type PingData = z.output<typeof ping>;
export type FileHead = z.output<typeof fileHeadSchema>;

/** The keys that say of which kind a schedule is. */
export const scheduleKinds = Object.keys(scheduleObjects);

/** The keys known at each place, for "did you mean". */
export const knownKeys = {
  file: Object.keys(fileSchema.shape),
  entry: Object.keys(entrySchema.shape),
  defaults: Object.keys(defaultsSchema.shape),
  options: Object.keys(optionsSchema),
  crontab: Object.keys(crontabFields.shape),
  schedule: Object.values(scheduleObjects).flatMap((object) => Object.keys(object.shape)),
  dst: ["gap", "overlap"],
  exclude: ["from", "to", "crontab"],
  ping: ["success", "failure"],
  link: signatureKeys,
} as const;

/** JSON Schema (draft 7) of a schedule file, for editors; the build writes it to `schedule.schema.json`. */
export function scheduleFileJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(fileSchema, { io: "input", target: "draft-7" });
  return { $schema, title: "Lovage schedule file", ...schema };
}
