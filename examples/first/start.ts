// What `npm start` runs: beat with this project on the embedded default, and a look at the queue every few seconds.
// There is no worker here yet, so the queue grows; any Celery worker, in Python too, would empty it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { app } from "./proj.ts";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));
const beatBin = fileURLToPath(new URL("../../dist/cli/beat.js", import.meta.url));
const beat = spawn(process.execPath, [beatBin, "-A", "proj"], { stdio: "inherit" });

const broker = await app.broker();
const look = setInterval(() => {
  void broker.depth("celery").then((depth) => console.log(`queue celery: ${depth} messages wait for a worker`));
}, 6000);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => beat.kill(signal));
beat.on("exit", (code) => {
  clearInterval(look);
  void broker.close().finally(() => process.exit(code ?? 1));
});
