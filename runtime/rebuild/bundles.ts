/** The bundles that tasks run from: the data directory's own copies, since an earlier plan's are needed while it is replaced. */
import { copyFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundlesOf } from "../../plan/bundle-references.ts";
import type { Plan } from "../../plan/plan.ts";
import { IDENTITY_BUNDLE } from "./running-plan.ts";

export function bundleDirOf(dataDir: string): string {
  return join(dataDir, "bundles");
}

/**
 * Copies those of the build, with their source maps, and deletes those that neither it nor `others` name. Bundles are named
 * by content, so that what is there already need not be looked at.
 * @param from the build's directory
 */
export async function keepBundles(
  from: string,
  dataDir: string,
  plan: Plan,
  others: readonly Plan[],
): Promise<void> {
  const directory = bundleDirOf(dataDir);
  await mkdir(directory, { recursive: true });
  const there = new Set(await readdir(directory));
  const own = [...bundlesOf(plan)].flatMap(filesOf);
  for (const file of own) {
    if (there.has(file)) continue;
    const draft = join(directory, `${file}.draft`);
    await copyFile(join(from, "bundles", file), draft);
    await rename(draft, join(directory, file));
  }
  const identity = `${IDENTITY_BUNDLE}.mjs`;
  await writeFile(join(directory, identity), "export default (document) => document;\n");
  const named = new Set([
    identity,
    ...own,
    ...others.flatMap((each) => [...bundlesOf(each)].flatMap(filesOf)),
  ]);
  for (const file of there) if (!named.has(file)) await rm(join(directory, file), { force: true });
}

function filesOf(hash: string): string[] {
  return [`${hash}.mjs`, `${hash}.mjs.map`];
}
