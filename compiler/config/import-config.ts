/** Loads a configuration file: as Node does, or bundled, where Node cannot read it as it is without complaint. */
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What Node says of TypeScript that it cannot strip, of an import without extension, and of ES syntax in CommonJS. */
const NEEDS_BUNDLE = new Set([
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_MODULE_NOT_FOUND",
  "ERR_UNSUPPORTED_DIR_IMPORT",
]);

/** The default export of the module at `url`. */
export async function importConfig(url: URL): Promise<unknown> {
  // In a package that is not "type": "module" Node warns, on the user's terminal, of every ES module it meets.
  if (!isPlainlyModule(fileURLToPath(url))) return await importBundled(fileURLToPath(url));
  try {
    return defaultOf(await import(url.href));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!(error instanceof SyntaxError) && !NEEDS_BUNDLE.has(String(code))) throw error;
    return await importBundled(fileURLToPath(url));
  }
}

function isPlainlyModule(path: string): boolean {
  if (/\.m[jt]s$/.test(path)) return true;
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const manifest = join(directory, "package.json");
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, "utf8")).type === "module";
    if (dirname(directory) === directory) return false;
  }
}

async function importBundled(path: string): Promise<unknown> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [path],
    absWorkingDir: dirname(path),
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "silent",
  });
  // Beside the file, so that its packages resolve as they would from it.
  const copy = join(dirname(path), `.weir.config.${process.pid}.${Date.now()}.mjs`);
  try {
    await writeFile(copy, outputFiles[0]?.contents ?? "");
    return defaultOf(await import(pathToFileURL(copy).href));
  } finally {
    await rm(copy, { force: true });
  }
}

function defaultOf(module: unknown): unknown {
  const value =
    typeof module === "object" && module !== null && "default" in module ? module.default : undefined;
  // A CommonJS module that was compiled from ES syntax holds its default once more.
  const inner = typeof value === "object" && value !== null && "__esModule" in value && "default" in value;
  return inner ? value.default : value;
}
