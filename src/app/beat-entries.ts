// The periodic tasks of an app's code, and the one that Celery adds by itself.
import type { Configuration } from "../config/configuration.ts";
import type { Signature } from "../protocol/signature.ts";
import type { Entry } from "../schedule/entry.ts";
import { cleanupTask } from "./builtin.ts";
import { type CallSite, callSite, formatCallSite } from "./call-site.ts";
import {
  createEntries,
  periodicDefinition,
  type PeriodicOptions,
  type PlacedDefinition,
  scheduleDefinitions,
  type ScheduleInput,
  type TaskReference,
} from "./periodic.ts";

const cleanupExpirySeconds = 12 * 3600;
const cleanupSource = "resultExpires";

/** Whether nobody wrote this entry: it gives way to any other of its name. */
export function isAutomatic({ name, source }: Entry): boolean {
  return name === cleanupTask && source === cleanupSource;
}

export interface BeatEntriesOptions {
  readonly configuration: Configuration;
  /** Where `beatSchedule` was written, until {@link BeatEntries.noteBeatSchedule} says otherwise. */
  readonly site: CallSite | null;
  /** Whether the app has tasks of its own. */
  readonly hasTasks: () => boolean;
}

export class BeatEntries {
  readonly #configuration: Configuration;
  readonly #hasTasks: () => boolean;
  readonly #added: PlacedDefinition[] = [];
  #beatScheduleSite: CallSite | null;

  constructor({ configuration, site, hasTasks }: BeatEntriesOptions) {
    this.#configuration = configuration;
    this.#beatScheduleSite = site;
    this.#hasTasks = hasTasks;
  }

  /** The caller has just set `beatSchedule`. */
  noteBeatSchedule(): void {
    this.#beatScheduleSite = callSite();
  }

  /** @returns the entry's name */
  add(schedule: ScheduleInput, sign: Signature | TaskReference, options: PeriodicOptions): string {
    const site = callSite();
    const source = site === null ? "addPeriodicTask" : `${formatCallSite(site)} (addPeriodicTask)`;
    const definition = periodicDefinition(schedule, sign, options);
    this.#added.push({ definition, source });
    return definition.name;
  }

  /** @throws ConfigError with everything that is wrong with any of them */
  list(): readonly Entry[] {
    const deadline = this.#configuration.get("beatCronStartingDeadline");
    const scheduled = scheduleDefinitions(this.#configuration.get("beatSchedule"), this.#beatScheduleSource());
    const written = [...scheduled, ...this.#added];
    return createEntries([...written, ...this.#cleanup(written)], {
      timezone: this.#configuration.get("timezone"),
      missedWithinMs: deadline === null ? null : deadline * 1000,
    });
  }

  #beatScheduleSource(): string {
    const site = this.#configuration.layerOf("beatSchedule") === "code" ? this.#beatScheduleSite : null;
    return site === null ? "beatSchedule" : `${formatCallSite(site)} (beatSchedule)`;
  }

  /** As in Celery: results that do not go by themselves are cleared out every night, unless the project sees to it. */
  #cleanup(written: readonly PlacedDefinition[]): readonly PlacedDefinition[] {
    const expires = this.#configuration.get("resultExpires");
    const isWritten = written.some(({ definition }) => definition.name === cleanupTask);
    if (isWritten || expires === null || expires === 0 || !this.#areResultsInFile()) return [];
    const options = { expires: cleanupExpirySeconds };
    return [
      { definition: { name: cleanupTask, task: cleanupTask, schedule: "0 4 * * *", options }, source: cleanupSource },
    ];
  }

  /** The embedded backend is there even when beat runs from schedule files alone; then nobody here makes results. */
  #areResultsInFile(): boolean {
    const isInFile = this.#configuration.get("resultBackend")?.startsWith("sqlite:") === true;
    return isInFile && (this.#hasTasks() || this.#configuration.layerOf("resultBackend") !== "default");
  }
}
