// An unmodified Python Celery worker on the other side of the broker, quick to start and stop.
import { type RunningProgram, startProgram } from "./service.ts";
import { waitUntil } from "./wait.ts";

export interface CeleryWorkerOptions {
  readonly brokerUrl: string;
  readonly backendUrl?: string;
  /** The folder that holds the Python module of the app. */
  readonly projectDir: string;
  /** What `-A` gets: the module's name. */
  readonly app: string;
  readonly queues?: readonly string[];
  /** More of the worker's own options. */
  readonly args?: readonly string[];
  /** More environment for the project: python/sink.py appends what it runs to the file named in OUTPUT. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CeleryWorker extends AsyncDisposable {
  readonly pid: number;
  readonly output: () => string;
  readonly exitCode: () => number | string | undefined;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/**
 * Starts `/usr/bin/python3 -m celery -A app worker` with one process and resolves when it consumes.
 * The project reads its broker from the environment: `BROKER_URL` and `RESULT_BACKEND`.
 */
export async function startCeleryWorker(options: CeleryWorkerOptions): Promise<CeleryWorker> {
  const queues = options.queues === undefined ? [] : ["-Q", options.queues.join(",")];
  const quick = ["--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"];
  const celery = ["-m", "celery", "-A", options.app, "-b", options.brokerUrl];
  const program = await startProgram(
    "/usr/bin/python3",
    [...celery, "worker", "-l", "INFO", ...quick, ...queues, ...(options.args ?? [])],
    {
      cwd: options.projectDir,
      env: {
        BROKER_URL: options.brokerUrl,
        RESULT_BACKEND: options.backendUrl ?? "",
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONUNBUFFERED: "1",
        C_FORCE_ROOT: "1",
        ...options.env,
      },
    },
  );
  await untilReady(program);
  return { ...program, [Symbol.asyncDispose]: () => program.stop() };
}

async function untilReady(program: RunningProgram): Promise<void> {
  try {
    await waitUntil(
      () => {
        if (program.exitCode() !== undefined) throw new Error(`celery ended with ${program.exitCode()}`);
        return / ready\.\s/.test(program.output());
      },
      { what: "the Celery worker to be ready", timeoutMs: 60_000, everyMs: 100, detail: program.output },
    );
  } catch (error) {
    await program.stop();
    throw error;
  }
}
