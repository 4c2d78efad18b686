import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../helper/beat-process.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** The packed files where npm would put them, with the dependencies of this checkout beside them. */
function installPacked(folder: string): void {
  const run = (command: string, args: readonly string[]): void => {
    execFileSync(command, args, { cwd: packageRoot, stdio: "pipe" });
  };
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder]);
  const target = join(folder, "node_modules/lovage");
  mkdirSync(target, { recursive: true });
  run("tar", ["-xzf", join(folder, `lovage-${manifest.version}.tgz`), "-C", target, "--strip-components", "1"]);
  for (const name of readdirSync(join(packageRoot, "node_modules"))) {
    if (name !== "lovage") symlinkSync(join(packageRoot, "node_modules", name), join(folder, "node_modules", name));
  }
}

describe("the packed package", () => {
  it("runs its commands and its API when it is installed elsewhere", async () => {
    await using folder = temporaryFolder();
    installPacked(folder.path);
    const node = (args: readonly string[]): string =>
      execFileSync(process.execPath, args, { cwd: folder.path, encoding: "utf8" }).trim();
    const installed = (file: string): string => join(folder.path, "node_modules/lovage", file);
    for (const bin of Object.values(manifest.bin)) {
      expect(node([installed(bin), "--version"])).toBe(`lovage ${manifest.version}`);
    }
    const script = 'import { crontab } from "lovage"; console.log(crontab("30 7 * * mon").next(0))';
    expect(node(["--input-type=module", "-e", script])).toBe(String(Date.UTC(1970, 0, 5, 7, 30)));
    const files = readdirSync(installed("."), { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => /^(src|test|bench|node_modules)\//.test(file))).toEqual([]);
    for (const needed of ["LICENSE", "README.md", "CHANGELOG.md", "schedule.schema.json", "dist/index.d.ts"]) {
      expect(files).toContain(needed);
    }
  });

  it("depends on nothing that it does not use", () => {
    const sources = readdirSync(join(packageRoot, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(packageRoot, "src", file), "utf8"))
      .join("\n");
    const unused = Object.keys(manifest.dependencies).filter((name) => !sources.includes(`"${name}`));
    expect(unused).toEqual([]);
  });
});
