// Commands of `beat` as functions, in a folder of their own: with schedule files, a record, an embedded broker, and a real beat
// at the record's door when a test starts one. What they print is caught.
import { Beat } from "../../src/beat/beat.ts";
import { Door } from "../../src/beat/reach/door.ts";
import { createBeatEnvelope } from "../../src/beat/envelope.ts";
import { openBroker } from "../../src/broker/open.ts";
import { openProject } from "../../src/cli/open.ts";
import { systemClock } from "../../src/clock.ts";
import { EventStream, type LovageEvent } from "../../src/event.ts";
import { openStore } from "../../src/store/open.ts";
import type { Changes, EntryState } from "../../src/store/store.ts";
import { writeFiles } from "./beat-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait.ts";

export interface StageCommandOptions {
  readonly color: false;
  readonly broker: string;
  readonly schedule: string;
  readonly schedules: readonly string[];
}

export interface Printed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout as JSON. */
  readonly json: () => readonly Readonly<Record<string, unknown>>[];
}

export interface RunningBeat {
  readonly beat: Beat;
  readonly events: readonly LovageEvent[];
  readonly stop: () => Promise<void>;
}

export interface CommandStage extends AsyncDisposable {
  readonly folder: string;
  readonly options: StageCommandOptions;
  readonly startBeat: () => Promise<RunningBeat>;
  /** Writes to the record, of which no beat may be running. */
  readonly record: (changes: Changes) => Promise<void>;
  readonly states: () => Promise<ReadonlyMap<string, EntryState>>;
}

export const scope = "lovage";

export async function commandStage(schedule: string): Promise<CommandStage> {
  const folder = temporaryFolder();
  await writeFiles(folder.path, { "schedules/a.yaml": schedule });
  const options: StageCommandOptions = {
    color: false,
    broker: `sqlite:///${folder.file("broker.sqlite")}`,
    schedule: folder.file("beat-record"),
    schedules: [folder.file("schedules")],
  };
  const running: RunningBeat[] = [];
  const withStore: CommandStage["record"] = async (changes) => {
    const store = await openStore(options.schedule);
    await store.record(changes);
    await store.close();
  };
  return {
    folder: folder.path,
    options,
    startBeat: async () => {
      const started = await startBeat(options);
      running.push(started);
      return started;
    },
    record: withStore,
    states: async () => {
      const store = await openStore(options.schedule);
      const { entries } = await store.load();
      await store.close();
      return entries;
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of running) await one.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function startBeat(options: StageCommandOptions): Promise<RunningBeat> {
  const stream = new EventStream();
  const events: LovageEvent[] = [];
  stream.subscribe((event) => events.push(event));
  const tools = { emit: stream.emit, clock: systemClock };
  const { app, entries } = await openProject(options);
  const store = await openStore(options.schedule, tools);
  const broker = await openBroker(options.broker, tools);
  const createEnvelope = createBeatEnvelope(app, scope);
  const beat = new Beat({ ...tools, scope, entries, broker, store, createEnvelope, label: "here:1" });
  await beat.start();
  const door = new Door({ record: store.location, steering: beat.steering, emit: stream.emit });
  await door.start();
  await waitUntil(() => events.some(({ type }) => type === "beat-started"), { what: "beat to lead" });
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await door.stop();
    await beat.stop();
    await broker.close();
    await store.close();
  };
  return { beat, events, stop };
}

/** Runs a command's function, and catches what it writes. */
export async function printed(command: () => Promise<number>): Promise<Printed> {
  const outputs = { stdout: "", stderr: "" };
  const names = ["stdout", "stderr"] as const;
  const writers = names.map((name) => process[name].write);
  for (const name of names) {
    process[name].write = (text: string | Uint8Array): boolean => {
      outputs[name] += text.toString();
      return true;
    };
  }
  try {
    const exitCode = await command();
    const json = (): readonly Readonly<Record<string, unknown>>[] =>
      outputs.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    return { exitCode, ...outputs, json };
  } finally {
    names.forEach((name, index) => {
      const writer = writers[index];
      if (writer !== undefined) process[name].write = writer;
    });
  }
}
