import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { App } from "../../src/app/app.ts";
import { findApp } from "../../src/app/find.ts";
import { temporaryFolder } from "../helper/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const projects = fileURLToPath(new URL("../fixtures/projects/", import.meta.url));
const inFolder = (folder: string) => ({ workdir: join(projects, folder) });

describe("findApp", () => {
  it.each([
    ["typescript", "proj", "proj", "proj.ts"],
    ["typescript", "proj:app", "proj", "proj.ts"],
    ["typescript", "./proj.ts", "proj", "proj.ts"],
    ["typescript", "proj.js", "proj", "proj.ts"],
    ["typescript", "./proj:app", "proj", "proj.ts"],
    ["typescript", "proj.app", "proj", "proj.ts"],
    ["javascript", "proj", "proj", "proj.js"],
    ["package", "proj", "in-index", "proj/index.ts"],
    ["package/proj", ".", "in-index", "index.ts"],
    ["celery-module", "proj", "in-celery", "proj/celery.ts"],
    ["celery-module", "bare", "in-bare-celery", "bare/celery.ts"],
    ["celery-module", "bare.celery", "in-bare-celery", "bare/celery.ts"],
    ["dotted", "pkg.sub", "in-sub", "pkg/sub.ts"],
    ["dotted", "pkg/sub", "in-sub", "pkg/sub.ts"],
    ["dotted", "pkg.sub:other", "other", "pkg/sub.ts"],
    ["dotted", "pkg.sub.other", "other", "pkg/sub.ts"],
    ["exports", "named-celery", "named-celery", "named-celery.ts"],
    ["exports", "only-default", "only-default", "only-default.ts"],
    ["exports", "any-name", "any-name", "any-name.ts"],
    ["exports", "several:second", "second", "several.ts"],
    ["exports", "common", "common", "common.cjs"],
  ])("in %s, -A %s is the app %s of %s", async (folder, spec, name, file) => {
    const found = await findApp(spec, inFolder(folder));
    expect(found.app.name).toBe(name);
    expect(found.file).toBe(join(projects, folder, file));
    expect(found.app).toBeInstanceOf(App);
  });

  it("says what it tried, and what is there that was probably meant", async () => {
    const workdir = join(projects, "exports");
    await expect(findApp("severl", { workdir })).rejects.toThrow(
      new RegExp(
        `^app severl not found in ${workdir} \\(did you mean several\\? tried \\S*severl\\.\\{ts,mts,js,mjs,cts,cjs\\}, ` +
          "\\S*severl/index\\.\\{.*\\}, \\S*severl/celery\\.\\{.*\\}\\)$",
      ),
    );
  });

  it("lists the exports of a module that has no App", async () => {
    await expect(findApp("none", inFolder("exports"))).rejects.toThrow(
      /none\.ts: no App is exported \(write export const app = new App\("proj"\); it exports schedule, tasks\)$/,
    );
  });

  it("asks which one when there are several, and none has a usual name", async () => {
    await expect(findApp("several", inFolder("exports"))).rejects.toThrow(
      /several\.ts: several Apps are exported: first, second \(say which: -A several:first\)$/,
    );
  });

  it("knows the exports of a module when one is misspelt, or is no App", async () => {
    await expect(findApp("pkg.sub:othr", inFolder("dotted"))).rejects.toThrow(/no export othr \(did you mean other\?/);
    await expect(findApp("none:schedule", inFolder("exports"))).rejects.toThrow(/none\.ts: schedule is not an App/);
  });

  it("tells a throwing project's own file, line and message, in one line", async () => {
    await expect(findApp("broken", inFolder("exports"))).rejects.toThrow(
      /^\S*test\/fixtures\/projects\/exports\/broken\.ts:8:\d+: TypeError: no url is set$/,
    );
  });

  it("places every mistake in settings where the app is made", async () => {
    await expect(findApp("misspelt", inFolder("exports"))).rejects.toThrow(
      /misspelt\.ts:5:\d+: unknown setting timezon \(did you mean timezone\?\)\n\S*misspelt\.ts:5:\d+: taskDefaultQueue: expected/,
    );
  });
});

/** Runs findApp in a process of its own, where modules load as they do for users. */
async function findNatively(folder: string, specs: readonly string[]): Promise<readonly string[]> {
  const script = `
    const { findApp } = await import(${JSON.stringify(join(root, "src/app/find.ts"))});
    const { App } = await import(${JSON.stringify(join(root, "src/app/app.ts"))});
    for (const spec of ${JSON.stringify(specs)}) {
      const line = await findApp(spec, { workdir: ${JSON.stringify(folder)} }).then(
        ({ app }) => app.name + " " + (Object.getPrototypeOf(app) === App.prototype),
        (error) => error.message,
      );
      console.log(line);
    }`;
  const args = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return stdout.trimEnd().split("\n");
}

describe("findApp in a process of its own", () => {
  it("loads TypeScript and JavaScript, and shares this package with the project", async () => {
    await using folder = temporaryFolder();
    const entry = JSON.stringify(join(root, "src/index.ts"));
    const source = `import { App } from ${entry};\ninterface Point { readonly x: number }\nconst at: Point = { x: 1 };\n`;
    for (const type of ["module", "commonjs"]) {
      mkdirSync(folder.file(type));
      writeFileSync(join(folder.file(type), "package.json"), JSON.stringify({ type }));
      writeFileSync(join(folder.file(type), "proj.ts"), `${source}export const app = new App("${type}" + at.x);\n`);
    }
    expect(await findNatively(folder.path, ["module/proj", "commonjs/proj"])).toEqual([
      "module1 true",
      "commonjs1 true",
    ]);
  });

  it("places what stops a project from loading", async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.file("package.json"), '{"type": "module"}');
    writeFileSync(folder.file("syntax.ts"), "export const one = 1;\nexport const app = ;\n");
    writeFileSync(folder.file("missing.ts"), 'import { x } from "./not-there.js";\nexport const app = x;\n');
    writeFileSync(
      folder.file("throws.ts"),
      'export const one = 1;\n\nthrow new RangeError("first line\\nsecond line");\n',
    );
    writeFileSync(folder.file("text.mjs"), 'throw "only text";\n');
    const lines = await findNatively(folder.path, ["syntax", "missing", "throws", "text"]);
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe(`${folder.file("syntax.ts")}:2:20: Unexpected ";"`);
    expect(lines[1]).toMatch(`${folder.file("missing.ts")}: Cannot find module '${folder.file("not-there.js")}'`);
    expect(lines[2]).toBe(`${folder.file("throws.ts")}:3:7: RangeError: first line`);
    expect(lines[3]).toBe(`${folder.file("text.mjs")}: only text`);
  });
});
