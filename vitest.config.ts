import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lovage = fileURLToPath(new URL("./src/index.ts", import.meta.url));

export default defineConfig({
  test: {
    reporters: ["default", "./test/helper/closing-line.ts"],
    projects: [
      {
        resolve: { alias: { lovage } },
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/interop/**", "test/process/**"],
          pool: "threads",
          isolate: false,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve: { alias: { lovage } },
        test: {
          name: "process",
          include: ["test/interop/**/*.test.ts", "test/process/**/*.test.ts"],
          pool: "forks",
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
