/**
 * Makes one file of each thread's modules, with the validator that it takes, in the place of its entry: a thread loads a hundred modules
 * at each start, and to find them takes longer than to compile them. Drivers and stores stay files of their own, loaded where one is
 * needed. Packages other than those named here stay outside.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

const THREADS = ["runtime/head/head-thread", "runtime/archive/archive-thread", "runtime/task/task-thread"];
const INLINED = ["ajv", "ajv-formats", "fast-deep-equal", "fast-uri", "json-schema-traverse"];
const PACKAGES = join(import.meta.dirname, "..", "node_modules");

export async function bundleThreads(dist: string): Promise<void> {
  for (const thread of THREADS) {
    const entry = join(dist, `${thread}.js`);
    await build({
      absWorkingDir: dist,
      entryPoints: [entry],
      outdir: dirname(entry),
      // The entry's own file gives way.
      allowOverwrite: true,
      entryNames: "[name]",
      chunkNames: `${basename(thread)}.[name]-[hash]`,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "node22",
      sourcemap: true,
      logLevel: "warning",
      plugins: [packages],
    });
  }
  const licences = INLINED.map(
    (name) => `# ${name}\n\n${readFileSync(join(PACKAGES, name, "LICENSE"), "utf8")}`,
  );
  writeFileSync(join(dist, "runtime", "LICENSES.md"), licences.join("\n"));
}

const packages: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path }) =>
      INLINED.some((name) => path === name || path.startsWith(`${name}/`))
        ? undefined
        : { path, external: true },
    );
  },
};
