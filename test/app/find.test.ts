import { describe, expect, it } from "vitest";
import { fileURLToPath } from "node:url";
import { findApp } from "../../src/app/find.ts";
const projects = fileURLToPath(new URL("../fixtures/projects/", import.meta.url));
describe("probe", () => {
  it.each([["typescript","proj"],["javascript","proj"],["package","proj"],["celery-module","proj"],["celery-module","bare"],["dotted","pkg.sub"],["exports","named-celery"],["exports","only-default"],["exports","any-name"],["exports","several"],["exports","none"],["exports","common"],["exports","broken"],["exports","misspelt"],["exports","missing-import"],["exports","severl"]])("%s %s", async (folder, spec) => {
    try { const f = await findApp(spec, { workdir: projects + folder }); console.log(folder, spec, f.app.name, f.file); } catch (e) { console.log(folder, spec, "ERR", (e as Error).message); }
  });
});
