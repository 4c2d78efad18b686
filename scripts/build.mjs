// Compiles src to dist, makes the bins executable and writes the JSON Schema of schedule files beside package.json.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
const fresh = join(root, `dist.new-${process.pid}`);
const compiler = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) {
  rmSync(fresh, { recursive: true, force: true });
  process.exit(status ?? 1);
}
// Swapped as a whole: a beat or a test that runs from dist meanwhile never finds it half made.
const old = join(root, `dist.old-${process.pid}`);
if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
renameSync(fresh, join(root, "dist"));
rmSync(old, { recursive: true, force: true });

for (const bin of ["main.js", "beat.js", "worker.js"]) {
  const file = join(root, "dist/cli", bin);
  if (existsSync(file)) chmodSync(file, 0o755);
}

const { scheduleFileJsonSchema } = await import(pathToFileURL(join(root, "dist/schedule/schema.js")).href);
writeFileSync(join(root, "schedule.schema.json"), `${JSON.stringify(scheduleFileJsonSchema(), null, 2)}\n`);
