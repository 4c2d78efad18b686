// Settings that belong to no one part: time, and which modules and contents are welcome.
import type { z } from "zod";
import { contents, flag, words, zone } from "./value.ts";

export const general = {
  /** IANA time zone for crontabs, one-off times and `eta`. */
  timezone: zone.default("UTC"),
  /** When false and `timezone` is not set, the zone of this machine applies instead of UTC. */
  enableUtc: flag.default(true),
  /** Modules to load when a command starts: paths or dotted names, from the project's folder. */
  imports: words.default(() => []),
  /** The same as `imports`, and loaded after them; `new App(name, { include })` sets this one. */
  include: words.default(() => []),
  /** Serializers whose messages are welcome. Only JSON is read, whatever else stands here for the sake of Python workers. */
  acceptContent: contents.default(() => ["json"]),
  /** The same for results; null: as `acceptContent`. */
  resultAcceptContent: contents.nullable().default(null),
} satisfies z.ZodRawShape;
