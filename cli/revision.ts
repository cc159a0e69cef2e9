/**
 * The plan of a git revision: its tree is unpacked below the project's `.weir/base/`, where Node and TypeScript find
 * today's packages, compiled with today's compiler, and removed. Neither the work tree nor git's index is touched.
 */
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readFile, rm, rmdir, symlink } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { compile, findFlowFiles, loadConfig, type ResolvedConfig, renderText } from "../compiler/index.ts";
import type { Plan } from "../plan/plan.ts";
import { CommandError } from "./command-error.ts";
import { git } from "./git.ts";

export interface Revision {
  /** As it was written. */
  readonly name: string;
  /** The commit's object id. */
  readonly commit: string;
  /** The repository's root. */
  readonly root: string;
}

/** The commit that `name` means, `REF...` the merge base with HEAD; undefined if it means none. */
export async function resolveRevision(name: string, projectDir: string): Promise<Revision | undefined> {
  if (name.startsWith("-")) return undefined;
  // Relative, so that the root is written as the project's directory is, symbolic links and all.
  const up = await git(projectDir, ["rev-parse", "--show-cdup"]);
  if (up === undefined) return undefined;
  const root = resolve(projectDir, up);
  const merged = name.endsWith("...");
  const reference = merged ? name.slice(0, -"...".length) : name;
  const commit = await git(projectDir, ["rev-parse", "--verify", "--quiet", `${reference}^{commit}`]);
  if (commit === undefined) return undefined;
  if (!merged) return { name, commit, root };
  const base = await git(projectDir, ["merge-base", commit, "HEAD"]);
  if (base === undefined) {
    throw new CommandError(
      `${reference} and HEAD have no common ancestor in this clone. Fetch more of the history.`,
      "WEIR5004",
    );
  }
  return { name, commit: base, root };
}

/** Compiles the revision's flows: `files` as far as it has them, else those of its configuration. Undefined if it has none. */
export async function planOfRevision(
  revision: Revision,
  files: readonly string[],
  config: ResolvedConfig,
): Promise<Plan | undefined> {
  await nameLockfileChanges(revision);
  const base = join(config.projectDir, ".weir", "base");
  await mkdir(base, { recursive: true });
  const tree = await mkdtemp(join(base, `${revision.commit.slice(0, SHORT_COMMIT)}-`));
  try {
    await unpack(revision, tree);
    const { projectDir, flowFiles } = await flowsIn(tree, revision, files, config);
    if (flowFiles.length === 0) return undefined;
    const { build, diagnostics } = await compile({ projectDir, files: flowFiles });
    if (build !== undefined) return build.plan;
    process.stderr.write(renderText(diagnostics, { cwd: projectDir, color: process.stderr.isTTY === true }));
    throw new CommandError(
      `The flows of ${revision.name} do not compile with today's compiler and packages; compare with a plan file of it instead (weir build writes one).`,
      "WEIR5005",
    );
  } finally {
    await rm(tree, { recursive: true, force: true });
    // Only where nothing else is in them: another diff may be at work, and `.weir` is the data directory too.
    await rmdir(base).catch(() => {});
    await rmdir(dirname(base)).catch(() => {});
  }
}

const SHORT_COMMIT = 12;

/** By an index of its own: `git archive` would leave out what `export-ignore` names, and needs a tar. */
async function unpack({ commit, root, name }: Revision, tree: string): Promise<void> {
  const env = { GIT_INDEX_FILE: join(tree, ".weir-index") };
  const read = await git(root, ["read-tree", commit], env);
  const written = await git(root, ["checkout-index", "--all", "--force", `--prefix=${tree}/`], env);
  await rm(env.GIT_INDEX_FILE, { force: true });
  if (read === undefined || written === undefined) {
    throw new CommandError(`git could not unpack the tree of ${name}. Is the clone complete?`, "WEIR5004");
  }
  const manifests = await git(root, ["ls-tree", "-r", "--name-only", "-z", commit]);
  for (const path of (manifests ?? "").split("\0")) {
    if (path === "package.json" || path.endsWith("/package.json"))
      await linkPackages(tree, root, dirname(path));
  }
}

/** A workspace's own `node_modules` do not lie above the unpacked tree: they are linked to where they would be. */
async function linkPackages(tree: string, root: string, directory: string): Promise<void> {
  // In Weir's own repository, `weir` means the one that runs, as everywhere else.
  const manifest = join(tree, directory, "package.json");
  if (directory === "." && JSON.parse(await readFile(manifest, "utf8")).name === "weir") await rm(manifest);
  const [packages, link] = [join(root, directory, "node_modules"), join(tree, directory, "node_modules")];
  const isThere = await lstat(link).then(
    () => true,
    () => false,
  );
  if (existsSync(packages) && !isThere) await symlink(packages, link, "junction");
}

async function flowsIn(
  tree: string,
  { root }: Revision,
  files: readonly string[],
  config: ResolvedConfig,
): Promise<{ readonly projectDir: string; readonly flowFiles: readonly string[] }> {
  const inTree = (path: string) => join(tree, relative(root, path));
  const projectDir = inTree(config.projectDir);
  const configFile = config.configFile === undefined ? undefined : inTree(config.configFile);
  // A revision without the file is read by today's configuration: what flows are is said there.
  const known = configFile !== undefined && existsSync(configFile);
  const own = known ? await loadConfig(projectDir, configFile) : { ...config, projectDir };
  if (!existsSync(projectDir)) return { projectDir, flowFiles: [] };
  if (files.length === 0) return { projectDir, flowFiles: await findFlowFiles(own, projectDir) };
  const found = new Set<string>();
  for (const file of files) {
    const path = inTree(resolve(file));
    // A file or folder that is new has nothing to be compared with.
    const matches = await findFlowFiles(own, inTree(process.cwd()), [path]).catch(() => []);
    for (const each of matches) found.add(each);
  }
  return { projectDir, flowFiles: [...found].sort() };
}

const LOCKFILES = ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];

/** Both sides are compiled with the packages that are installed now: where others were locked, that is said. */
async function nameLockfileChanges({ root, commit, name }: Revision): Promise<void> {
  const globs = LOCKFILES.map((file) => `:(glob)**/${file}`);
  const changed = await git(root, ["diff", "--name-only", commit, "--", ...globs]);
  if (!changed) return;
  const list = changed.split("\n").join(", ");
  process.stderr.write(
    `note: ${list} differs from ${name}; both are built with the packages that are installed now\n`,
  );
}
