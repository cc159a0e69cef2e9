import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../plan/canonical.ts";
import { CHECKSUMS_FILE, formatChecksums } from "../plan/checksums.ts";
import { formatParent, PARENT_FILE, type ParentHash } from "../plan/parent.ts";
import type { CompiledBuild } from "./compile.ts";

/**
 * Writes `plan.json` and `bundles/<hash>.mjs` with their source maps. The plan comes last and replaces the old
 * one at once, so that a reader sees a plan whose bundles are all there; then unnamed bundles go. With `parentHash` the
 * build says which plan it follows; it says so before the plan is there, and is silent about it only afterwards.
 */
export async function writeBuild(
  build: CompiledBuild,
  directory: string,
  parentHash?: ParentHash,
): Promise<void> {
  const bundles = join(directory, "bundles");
  await mkdir(bundles, { recursive: true });
  /** Checksums by file name. */
  const named = new Map<string, string>();
  for (const { hash, code, map } of build.bundles) {
    await replaceFile(join(bundles, `${hash}.mjs.map`), map);
    await replaceFile(join(bundles, `${hash}.mjs`), code);
    named.set(`${hash}.mjs`, sha256(code)).set(`${hash}.mjs.map`, sha256(map));
  }
  await replaceFile(join(bundles, CHECKSUMS_FILE), formatChecksums(named));
  const parent = join(directory, PARENT_FILE);
  if (parentHash !== undefined) await replaceFile(parent, formatParent(parentHash));
  await replaceFile(join(directory, "plan.json"), build.planJson);
  if (parentHash === undefined) await rm(parent, { force: true });
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
