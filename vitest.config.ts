import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        // A property takes its time on a machine that does other things too.
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/interop/**"], testTimeout: 30_000 },
      },
      {
        // Root, namespaces, real daemons and clocks: one file at a time.
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
