import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

/** Packages that a module loads with all that it imports at once, and Node's undici. */
function loadedBy(module: string): readonly string[] {
  const script = `
    import { registerHooks } from "node:module";
    const packages = new Set();
    registerHooks({
      load(url, context, next) {
        const [, name] = /node_modules\\/((?:@[^/]+\\/)?[^/]+)(?!.*node_modules)/.exec(url) ?? [];
        if (name !== undefined) packages.add(name);
        return next(url, context);
      },
    });
    await import(${JSON.stringify(new URL(module, import.meta.url).href)});
    if (process.moduleLoadList.some((name) => name.includes("undici"))) packages.add("undici");
    process.stdout.write(JSON.stringify([...packages]));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=weir-source", "--input-type=module", "-e", script],
    { encoding: "utf8" },
  );
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

it("weir run loads no driver, validator or compiler into the main thread", () => {
  expect(loadedBy("./run.ts")).toEqual(["picocolors"]);
});

it("weir check loads neither validator nor compiler before it knows that something has changed", () => {
  const loaded = loadedBy("./check.ts");
  for (const name of ["ajv", "typescript", "esbuild", "lmdb", "undici"]) expect(loaded).not.toContain(name);
});

it("weir status loads the head's database and no more", () => {
  const loaded = loadedBy("./status.ts");
  expect(loaded).toContain("lmdb");
  for (const name of ["ajv", "fastify", "pg", "ioredis", "typescript", "undici"])
    expect(loaded).not.toContain(name);
});
