// What `npm start` runs: a worker that carries beat along, on the embedded default. The worker shows each task and its
// result; beat sends what schedules/ and proj.ts say.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const manifest = createRequire(import.meta.url).resolve("lovage/package.json");
const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Readonly<Record<string, string>> };
const program = (name: string): string => join(dirname(manifest), bin[name] ?? "");

const shown = (path: string): string => relative(process.cwd(), path) || ".";
const lovage = `node ${shown(program("lovage"))}`;
const hint = `
Try next, in another terminal:
  ${lovage} call proj.add -a '[2, 3]' --wait -A proj --workdir ${shown(here)}
  ${lovage} inspect active -A proj --workdir ${shown(here)}
  edit ${shown(join(here, "schedules/first.yaml"))}: it is taken over while this runs

`;

const worker = spawn(process.execPath, [program("worker"), "-A", "proj", "-B"], { cwd: here, stdio: "inherit" });
// After the banner and the first results, so that it is seen.
const timer = setTimeout(() => process.stdout.write(hint), 10_000);

// The worker counts the Ctrl-C that a terminal sends to both as one.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => worker.kill(signal));
worker.on("exit", (code) => {
  clearTimeout(timer);
  process.exitCode = code ?? 1;
});
