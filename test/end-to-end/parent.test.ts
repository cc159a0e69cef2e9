/** A build that was looked at against one plan is not run after another. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { project } from "./project.ts";

const flow = (...names: readonly string[]) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
for (const name of ${JSON.stringify(names)}) {
  capture(name, files({ path: \`\${name}.ndjson\` }), { schema: z.object({ id: z.string() }), key: ["id"] });
}
`;

test("weir build --parent, and weir run --plan after what it names, after itself, and after another", {
  timeout: 120_000,
}, async () => {
  const { directory, weir, write } = await project({
    "flows/shop.flow.ts": flow("a"),
    ...{ "a.ndjson": "", "b.ndjson": "", "c.ndjson": "" },
  });
  const build = async (out: string, ...options: string[]) => {
    const { code, stdout, stderr } = await weir.command("build", "--out", out, "--json", ...options);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as { readonly planHash: string; readonly parentHash?: string | null };
  };
  const run = (plan: string) => weir.command("run", "--once", "--plan", plan);
  const first = await build("first", "--parent");
  expect(first.parentHash).toBeNull();
  expect(await run("first")).toMatchObject({ code: 0 });

  write("flows/shop.flow.ts", flow("a", "b"));
  const second = await build("second", "--parent");
  expect(second.parentHash).toBe(first.planHash);
  expect(JSON.parse(readFileSync(join(directory, "second/parent.json"), "utf8"))).toEqual({
    ...{ formatVersion: 1, parentHash: first.planHash },
  });
  // A plan as BASE says the same; without --parent the same directory says nothing any more.
  expect(await build("again", "--parent", "first")).toMatchObject({ parentHash: first.planHash });
  expect(await build("again")).not.toHaveProperty("parentHash");
  write("flows/shop.flow.ts", flow("a", "c"));
  expect(await weir.command("run", "--once")).toMatchObject({ code: 0 });
  const refused = await run("second");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    new RegExp(
      `to follow the plan ${first.planHash}, and what ran here last is [0-9a-f]{64}\\. Nothing was started`,
    ),
  );
  expect(await run("again")).toMatchObject({ code: 0 });
  // What runs is `second` itself now, by another directory.
  expect(await run("second")).toMatchObject({ code: 0 });
});
