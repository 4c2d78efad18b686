// Settings of the scheduler.
import { z } from "zod";
import { optionalSeconds, optionalText, seconds, text } from "./value.ts";

/** What an entry may say is the business of the schedule room, which checks it when the entries are built. */
const entry = z.custom<object>((value) => typeof value === "object" && value !== null && !Array.isArray(value), {
  error: "expected an object with task and schedule",
});

export const beat = {
  /** Entries by name: `{ task, schedule, args, kwargs, options, relative, ... }`. */
  beatSchedule: z.record(text, entry).default(() => ({})),
  /** A module that holds another store for the beat-record, `./my-store.ts:MyStore`; null: SQLite. */
  beatScheduler: optionalText,
  /** The beat-record file, from the working directory. */
  beatScheduleFilename: text.min(1).default("beat-record"),
  /** The longest sleep between two looks at the clock, in seconds; 0: the scheduler's own choice. */
  beatMaxLoopInterval: seconds.default(0),
  /** Missed occurrences older than this many seconds are not made up; null: any age. */
  beatCronStartingDeadline: optionalSeconds,
} satisfies z.ZodRawShape;
