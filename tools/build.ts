/**
 * `npm run build`: a clean `dist/` by TypeScript 6, which `npm pack` ships. The tree keeps its shape, so what
 * code reads at run time beside its own file is copied to the same place; the entry of a thread holds the modules that it loads.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleThreads } from "./bundle-threads.ts";
import { planValidatorCode } from "./plan-validator.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const assets = ["plan/schema.json", "compiler/diff/schema.json", "docs/diagnostics"];
const main = join(dist, "cli", "main.js");

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], {
  cwd: root,
  // npm's own output goes to stdout: `npm pack --json` must stay readable.
  stdio: ["ignore", 2, 2],
});
if (status !== 0) fail("TypeScript reported errors");
for (const asset of assets) {
  if (existsSync(join(root, asset))) cpSync(join(root, asset), join(dist, asset), { recursive: true });
}
writeFileSync(join(dist, "plan", "plan-validator.js"), planValidatorCode());
rmSync(join(dist, "plan", "plan-validator.js.map"));
await bundleThreads(dist);
if (!existsSync(main)) fail("cli/main.ts is missing");
if (!readFileSync(main, "utf8").startsWith("#!/usr/bin/env node\n")) {
  fail("cli/main.ts must start with #!/usr/bin/env node");
}
chmodSync(main, 0o755);

function fail(reason: string): never {
  console.error(`build: ${reason}`);
  process.exit(1);
}
