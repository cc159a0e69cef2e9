/**
 * `npm run lock`, after a dependency changed: gives package-lock.json an entry for every package of another
 * system that a registry did not offer where `npm install` ran. npm leaves these out, and then `npm ci`
 * refuses the lock file everywhere. With `--check` it changes nothing and fails if an entry is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));

const missing = new Map();
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(path, name)) continue;
    const at = `node_modules/${name}`;
    missing.set(at, {
      version,
      cpu: [cpu(name)],
      ...flags(entry),
      ...libc(name),
      optional: true,
      os: [os(name)],
    });
  }
}

if (missing.size === 0) process.exit(0);
if (process.argv.includes("--check")) {
  console.error(`package-lock.json lacks ${[...missing.keys()].join(", ")}: run npm run lock`);
  process.exit(1);
}
for (const [path, entry] of missing) lock.packages[path] = entry;
const [root, ...rest] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => a.localeCompare(b, "en"))]);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.error(`package-lock.json: added ${missing.size} packages of other systems`);

/** As Node does: from the nested node_modules outward. */
function resolves(from, name) {
  for (let at = from; ; ) {
    if (lock.packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === "") return false;
    at = at.includes("/node_modules/") ? at.slice(0, at.lastIndexOf("/node_modules/")) : "";
  }
}

function flags({ dev, devOptional }) {
  return { ...(dev && { dev }), ...(devOptional && { devOptional }) };
}

/** Such packages are named for their system: `…/binding-linux-arm64-musl`. */
function os(name) {
  return part(name, /android|darwin|freebsd|netbsd|openbsd|openharmony|sunos|aix|linux|win32/);
}

function cpu(name) {
  return part(name, /arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el|wasm32/);
}

function libc(name) {
  if (name.endsWith("musl")) return { libc: ["musl"] };
  return name.endsWith("gnu") ? { libc: ["glibc"] } : {};
}

function part(name, pattern) {
  const found = name.slice(name.lastIndexOf("/")).match(pattern)?.[0];
  if (found === undefined) throw new Error(`${name} does not tell its system: add it to package-lock.json`);
  return found;
}
