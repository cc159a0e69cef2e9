import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const servers = "test/servers/global-setup.ts";

/** Take minutes: begun last, one of them would keep one worker busy while the other has nothing to do. */
const LONG = ["test/end-to-end/changes.pg.test.ts", "test/faults/sample.test.ts"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const { long = [], others = [] } = Object.groupBy(sorted, ({ moduleId }) =>
      LONG.some((path) => moduleId.endsWith(path)) ? "long" : "others",
    );
    return [...long, ...others];
  }
}

export default defineConfig({
  // `weir` and `weir/…` mean the sources here. vitest hands these conditions to Node too, and worker threads inherit
  // them; so `import` must not be among them, or CommonJS packages would be handed ES modules by `require`.
  ssr: { resolve: { conditions: ["weir-source", "node"] } },
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "**/fixtures/**", "**/cases/**"],
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // As `compiler/evaluate/evaluate.ts` sets it, and for what a test does before that module is there.
    execArgv: ["--wasm-wrapper-tiering-budget=1000000000"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: existsSync(servers) ? [servers] : [],
  },
});
