// Compiles src to dist, makes the bins executable and writes the JSON Schema of schedule files beside package.json.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(join(root, "dist"), { recursive: true, force: true });
const compiler = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

for (const bin of ["main.js", "beat.js"]) {
  const file = join(root, "dist/cli", bin);
  if (existsSync(file)) chmodSync(file, 0o755);
}

const { scheduleFileJsonSchema } = await import(pathToFileURL(join(root, "dist/schedule/schema.js")).href);
writeFileSync(join(root, "schedule.schema.json"), `${JSON.stringify(scheduleFileJsonSchema(), null, 2)}\n`);
