/**
 * `npm run types`: the whole tree by TypeScript 6, whose API the compiler uses, and by the native TypeScript 7.
 * Both are called by path, since both claim `node_modules/.bin/tsc`, and must be the version they are taken for.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const compilers = [
  { folder: "typescript-7", major: 7 },
  { folder: "typescript", major: 6 },
];

for (const { folder, major } of compilers) {
  const tsc = join(root, "node_modules", folder, "bin", "tsc");
  const asked = spawnSync(process.execPath, [tsc, "--version"], { encoding: "utf8" }).stdout.trim();
  if (!asked.startsWith(`Version ${major}.`)) {
    console.error(`node_modules/${folder} is "${asked}", not TypeScript ${major}: run npm ci`);
    process.exitCode = 1;
    continue;
  }
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [tsc, "--project", "tsconfig.json", "--noEmit"], {
    cwd: root,
    stdio: "inherit",
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `TypeScript ${asked.slice("Version ".length)}: ${status === 0 ? "ok" : "errors"}, ${seconds} s`,
  );
  if (status !== 0) process.exitCode = 1;
}
