import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

it("paints nothing where there is no terminal, also in a CI", () => {
  const program =
    'import("./cli/paint.ts").then(({ onStdout, onStderr }) => console.log(onStdout.red("a") + onStderr.dim("b")))';
  const env = { ...process.env, CI: "true" };
  expect(execFileSync(process.execPath, ["-e", program], { env, encoding: "utf8" })).toBe("ab\n");
});
