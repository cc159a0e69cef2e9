import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { renderText } from "../../compiler/index.ts";
import { project } from "./project.ts";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

test("the README's error is what its mistake gives, and all of it", { timeout: 60_000 }, async () => {
  const flow = /```ts\n\/\/ flows\/shop\.flow\.ts\n(.*?)```/s.exec(README)?.[1] ?? "";
  const shown = /```\n\$ weir check\n(.*?)```/s.exec(README)?.[1];
  using user = project({ "flows/shop.flow.ts": flow.replace('key: ["customer"]', 'key: ["custommer"]') });
  const { diagnostics } = await user.compile();
  const [told] = renderText(diagnostics, { cwd: user.directory, color: false }).split("\n\n");
  expect(`${told}\n`).toBe(shown);
  expect(diagnostics.length).toBe(1);
  user.write({ "flows/shop.flow.ts": flow });
  expect((await user.compile()).diagnostics).toEqual([]);
});
