import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../helper/beat-process.ts";
import { requireService } from "../helper/debian.ts";
import { deploy, exampleProject, inPlace, until } from "../helper/deployment.ts";
import { freePort } from "../helper/port.ts";
import { startProgram } from "../helper/service.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

describe("deploy/systemd", () => {
  it.each(["beat", "worker"])("lovage-%s.service starts by its own command line and environment", async (name) => {
    await using folder = temporaryFolder();
    const project = await exampleProject(folder);
    const unit = await deploy(`systemd/lovage-${name}.service`);
    const [, line = ""] = /^ExecStart=(.+)$/m.exec(unit) ?? [];
    const [command = "", ...words] = line.split(" ");
    expect(command).toBe(`/srv/proj/node_modules/.bin/${name}`);
    const broker = `sqlite:///${folder.file("broker.sqlite")}`;
    const given = [...(await deploy("systemd/lovage.env")).matchAll(/^(\w+)=/gm)].map(([, variable]) => variable);
    expect(given).toEqual(["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"]);
    const env = { CELERY_BROKER_URL: broker, CELERY_RESULT_BACKEND: `sqlite:///${folder.file("results.sqlite")}` };
    const places = { "${STATE_DIRECTORY}": folder.path, "8787": String(await freePort()), "%%": "%" };
    const args = [join(packageRoot, `dist/cli/${name}.js`), ...words.map((word) => inPlace(word, places))];
    const program = await startProgram(process.execPath, args, { cwd: project, env });
    try {
      await until(program, name === "beat" ? "leading scope proj" : /worker@\S+ ready\./);
      if (name === "beat") {
        program.signal("SIGHUP");
        await until(program, "schedule: reloaded");
      }
    } finally {
      await program.stop();
    }
    expect(program.exitCode()).toBe(0);
  });

  it.skipIf(!requireService("systemd"))("has units without a mistake in them, by systemd-analyze", async () => {
    await using folder = temporaryFolder();
    const program = folder.file("program");
    await writeFile(program, "#!/bin/sh\n", { mode: 0o755 });
    const units = await Promise.all(
      ["lovage-beat.service", "lovage-worker.service"].map(async (name) => {
        const text = (await deploy(`systemd/${name}`))
          .replace(/\/srv\/proj\/\S+/, program)
          .replaceAll("/srv/proj", folder.path);
        await writeFile(folder.file(name), text);
        return folder.file(name);
      }),
    );
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", ...units], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});
