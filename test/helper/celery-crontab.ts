// Asks the real Celery what its crontabs mean: one Python process for a whole list of questions.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface CeleryQuestions {
  /** Number of values, least value, text. */
  readonly expand?: readonly (readonly [number, number, string])[];
  readonly next?: readonly CeleryNext[];
  readonly chain?: readonly (CeleryNext & { readonly count: number })[];
  readonly relative?: readonly { readonly zone: string; readonly seconds: number; readonly after: number }[];
}

export interface CeleryNext {
  readonly zone: string;
  /** Under Celery's names. */
  readonly fields: Readonly<Record<string, string>>;
  /** Epoch seconds. */
  readonly after: number;
}

export interface CeleryAnswers {
  readonly version: string;
  /** Whether it knows the names of months; Celery before 5.3 does not. */
  readonly months: boolean;
  /** Null where Celery refuses the text. */
  readonly expand: readonly (readonly number[] | null)[];
  /** Wall times as ISO text without an offset. */
  readonly next: readonly string[];
  /** Epoch seconds, each run computed from the one before. */
  readonly chain: readonly (readonly number[])[];
  readonly relative: readonly string[];
}

const script = fileURLToPath(new URL("celery-crontab.py", import.meta.url));
const python = process.env["CELERY_PYTHON"] ?? "/usr/bin/python3";

export function askCelery(questions: CeleryQuestions): CeleryAnswers {
  const { status, stdout, stderr } = spawnSync(python, [script], {
    input: JSON.stringify(questions),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (status !== 0) throw new Error(`celery-crontab.py ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as CeleryAnswers;
}
