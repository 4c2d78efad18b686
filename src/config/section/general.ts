// Settings that belong to no one part: time, and which modules and contents are welcome.
import type { z } from "zod";
import { flag, words, zone } from "./value.ts";

export const general = {
  /** IANA time zone for crontabs, one-off times and `eta`. */
  timezone: zone.default("UTC"),
  /** When false and `timezone` is not set, the zone of this machine applies instead of UTC. */
  enableUtc: flag.default(true),
  /** Modules to load when a command starts: paths or dotted names, from the project's folder. */
  imports: words.default(() => []),
  /** The same as `imports`, and loaded after them; `new App(name, { include })` sets this one. */
  include: words.default(() => []),
  /** Content types and serializers whose messages are read. */
  acceptContent: words.default(() => ["json"]),
  /** The same for results; null: as `acceptContent`. */
  resultAcceptContent: words.nullable().default(null),
} satisfies z.ZodRawShape;
