// One table to a question, in Markdown, with the machine it was measured on below it; what is going on meanwhile goes to stderr.
import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

export type Row = Readonly<Record<string, string>>;

const startLoad = loadavg()[0] ?? 0;

/** The columns are those of the first row. Numbers stand on the right. */
export function printTable(rows: readonly Row[]): void {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((line) => line[index]?.length ?? 0)));
  const isNumber = columns.map((_, index) => cells.slice(1).every((line) => /^([-\d<].*)?$/.test(line[index] ?? "")));
  const pad = (text: string, index: number): string =>
    isNumber[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
  const lineOf = (line: readonly string[]): string => `| ${line.map(pad).join(" | ")} |`;
  const rule = widths.map((width, index) => (isNumber[index] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  const [head = [], ...body] = cells;
  console.log([lineOf(head), `| ${rule.join(" | ")} |`, ...body.map(lineOf)].join("\n"));
  console.log(`\n${machine()}`);
}

export function progress(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

/** Milliseconds as people read them. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return "never";
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function whole(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

export function mebibytes(size: number): string {
  return `${whole(size)} MiB`;
}

function machine(): string {
  const loads = `load average ${startLoad.toFixed(1)} at the start, ${(loadavg()[0] ?? 0).toFixed(1)} at the end`;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const place = `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}, ${memory}, Linux ${release()}`;
  const programs = `Node ${process.versions.node}, ${redisVersion()}, ${celeryVersion()}`;
  return `${place}; ${programs}; ${new Date().toISOString().slice(0, 10)}; ${loads}.`;
}

function redisVersion(): string {
  return `redis-server ${/v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1]}`;
}

function celeryVersion(): string {
  try {
    const script =
      "import celery, platform; print('Celery', celery.__version__, 'on Python', platform.python_version())";
    return execFileSync("/usr/bin/python3", ["-c", script], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "no Celery here";
  }
}
