import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

const servers = "test/servers/global-setup.ts";

export default defineConfig({
  // `weir` and `weir/…` mean the sources here. vitest hands these conditions to Node too, and worker threads inherit
  // them; so `import` must not be among them, or CommonJS packages would be handed ES modules by `require`.
  ssr: { resolve: { conditions: ["weir-source", "node"] } },
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "**/fixtures/**", "**/cases/**"],
    pool: "forks",
    maxWorkers: 2,
    // As `compiler/evaluate/evaluate.ts` sets it, and for what a test does before that module is there.
    execArgv: ["--wasm-wrapper-tiering-budget=1000000000"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: existsSync(servers) ? [servers] : [],
  },
});
