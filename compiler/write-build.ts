import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CompiledBuild } from "./compile.ts";

/**
 * Writes `plan.json` and `bundles/<hash>.mjs` with their source maps. The plan comes last and replaces the old
 * one at once, so that a reader sees a plan whose bundles are all there; then unnamed bundles go.
 */
export async function writeBuild(build: CompiledBuild, directory: string): Promise<void> {
  const bundles = join(directory, "bundles");
  await mkdir(bundles, { recursive: true });
  const named = new Set<string>();
  for (const { hash, code, map } of build.bundles) {
    await replaceFile(join(bundles, `${hash}.mjs.map`), map);
    await replaceFile(join(bundles, `${hash}.mjs`), code);
    named.add(`${hash}.mjs`).add(`${hash}.mjs.map`);
  }
  await replaceFile(join(directory, "plan.json"), build.planJson);
  for (const file of await readdir(bundles)) {
    if (!named.has(file) && /^[0-9a-f]{64}\.mjs(\.map)?$/.test(file))
      await rm(join(bundles, file), { force: true });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, text);
  await rename(draft, path);
}
