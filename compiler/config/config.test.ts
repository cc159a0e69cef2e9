import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "./config-file.ts";
import { findFlowFiles } from "./flow-files.ts";

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "weir-config-")));
  mkdirSync(join(root, "node_modules"));
  symlinkSync(fileURLToPath(new URL("../../", import.meta.url)), join(root, "node_modules", "weir"), "dir");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("without a configuration file everything has a default", async () => {
  mkdirSync(join(root, ".git"));
  expect(await loadConfig(root)).toEqual({
    projectDir: root,
    configFile: undefined,
    flows: ["flows/**/*.flow.ts"],
    dataDir: join(root, ".weir"),
    store: { directory: join(root, ".weir", "store") },
    http: { host: "127.0.0.1", port: 8080 },
    fragments: {},
    limits: {},
  });
});

test("the nearest file is taken, up to the repository's root; its paths start from it", async () => {
  write(
    "weir.config.ts",
    'import { defineConfig } from "weir";\nexport default defineConfig({ dataDir: "data", store: { directory: "lake" }, http: { port: 9000 } });\n',
  );
  mkdirSync(join(root, "a/b"), { recursive: true });
  const config = await loadConfig(join(root, "a/b"));
  expect(config).toMatchObject({
    projectDir: root,
    configFile: join(root, "weir.config.ts"),
    dataDir: join(root, "data"),
    store: { directory: join(root, "lake") },
    http: { host: "127.0.0.1", port: 9000 },
  });
  mkdirSync(join(root, "a/.git"));
  expect((await loadConfig(join(root, "a/b"))).configFile).toBeUndefined();
});

test.each([undefined, "commonjs", "module"])(
  "a package of type %s loads its configuration without a word",
  async (type) => {
    write("package.json", JSON.stringify({ name: "user", type }));
    write(
      "weir.config.ts",
      'import { defineConfig } from "weir";\nexport default defineConfig({ dataDir: "here" });\n',
    );
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on("warning", listen);
    expect((await loadConfig(root)).dataDir).toBe(join(root, "here"));
    await new Promise(setImmediate);
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  },
);

test("a file that Node cannot read as it is, is bundled", async () => {
  write("part.ts", "export enum Port { Http = 9001 }\n");
  write("weir.config.ts", 'import { Port } from "./part";\nexport default { http: { port: Port.Http } };\n');
  expect((await loadConfig(root)).http.port).toBe(9001);
});

test("what is wrong is told with the file and the remedy", async () => {
  await expect(loadConfig(root, "none.ts")).rejects.toThrow(/no configuration file .*none\.ts/);
  write("a.mjs", "export default { flow: [] };\n");
  await expect(loadConfig(root, "a.mjs")).rejects.toThrow(/no option flow\. The options are flows/);
  write("b.mjs", "export const config = {};\n");
  await expect(loadConfig(root, "b.mjs")).rejects.toThrow(/defineConfig/);
  write("c.mjs", 'throw new Error("no luck");\n');
  await expect(loadConfig(root, "c.mjs")).rejects.toThrow(/c\.mjs fails when it is loaded: no luck/);
});

test("flow files are found by the configuration or by arguments", async () => {
  for (const path of [
    "flows/b.flow.ts",
    "flows/deep/a.flow.ts",
    "flows/other.ts",
    "more/c.flow.ts",
    "flows/node_modules/x/y.flow.ts",
  ]) {
    write(path, "");
  }
  mkdirSync(join(root, ".git"));
  const config = await loadConfig(root);
  const names = async (...args: string[]) =>
    (await findFlowFiles(config, root, args)).map((file) => file.slice(root.length + 1));
  expect(await names()).toEqual(["flows/b.flow.ts", "flows/deep/a.flow.ts"]);
  expect(await names("more")).toEqual(["more/c.flow.ts"]);
  expect(await names("flows/other.ts", "more/*.flow.ts")).toEqual(["flows/other.ts", "more/c.flow.ts"]);
  await expect(names("nowhere/*.flow.ts")).rejects.toThrow(/matches no flow file/);
});

test("limits of HTTP captures are passed on, and must be numbers", async () => {
  write("weir.config.ts", "export default { http: { maxInFlightBytes: 1024, requestTimeoutSeconds: 5 } };\n");
  expect((await loadConfig(root)).http).toEqual({
    host: "127.0.0.1",
    port: 8080,
    maxInFlightBytes: 1024,
    requestTimeoutSeconds: 5,
  });
  write("other.config.ts", 'export default { http: { maxInFlightBytes: "64 MB" } };\n');
  await expect(loadConfig(root, "other.config.ts")).rejects.toThrow(
    "http.maxInFlightBytes must be a whole number from 1 on.",
  );
});

test("limits of threads are passed on, and must be numbers above 0", async () => {
  write("weir.config.ts", "export default { limits: { transformSeconds: 0.5, threadMemoryMb: 64 } };\n");
  expect((await loadConfig(root)).limits).toEqual({ transformSeconds: 0.5, threadMemoryMb: 64 });
  write("a.mjs", "export default { limits: { transformSeconds: 0 } };\n");
  await expect(loadConfig(root, "a.mjs")).rejects.toThrow(
    /limits\.transformSeconds must be a number above 0/,
  );
  write("b.mjs", "export default { limits: { memory: 64 } };\n");
  await expect(loadConfig(root, "b.mjs")).rejects.toThrow(
    /no option limits\.memory\. The options are transformSeconds, threadMemoryMb/,
  );
});
