// Ends every run on one plain line that a machine can read, and makes a skipped test a failure in CI.
import type { TestModule } from "vitest/node";

export default class ClosingLine {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    }
    console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    if (process.env["CI"] === "true" && count.skipped > 0) process.exitCode = 1;
  }
}
