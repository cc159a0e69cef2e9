/**
 * Remembers that flows were found right, for as long as nothing that was read to find it out has changed: a check of
 * flows that stand loads neither TypeScript nor esbuild. Only results without errors are kept.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CompileRequest, CompileResult } from "./compile.ts";
import { processConditions } from "./conditions.ts";
import { type Diagnostic, hasErrors } from "./diagnostics/diagnostic.ts";

export interface CheckResult {
  readonly diagnostics: readonly Diagnostic[];
  /** How many collections the flows declare; undefined if there are errors. */
  readonly collections: number | undefined;
}

interface Entry extends CheckResult {
  readonly request: string;
  /** What was there when the flows were checked, by path. */
  readonly stamps: Readonly<Record<string, string>>;
}

/** Checks the flows, or takes the result from `cacheFile` if it is still true. */
export async function checkFlows(request: CompileRequest, cacheFile: string): Promise<CheckResult> {
  const known = readEntry(cacheFile);
  const key = keyOf(request);
  if (known?.request === key && isCurrent(known)) return known;
  const started = prepare(cacheFile);
  const { compile } = await import("./compile.ts");
  const { diagnostics, collections, inputs } = await compile({ ...request, emit: false });
  const result = { diagnostics, collections };
  if (started !== undefined && !hasErrors(diagnostics)) {
    const stamps = stampsOf(inputs);
    // What changed meanwhile was read in one state or the other: nothing can be said of it.
    if (Object.values(stamps).every((stamp) => isUntil(stamp, started))) {
      const entry: Entry = { ...result, request: key, stamps };
      writeFileSync(cacheFile, JSON.stringify(entry));
    }
  }
  return result;
}

function keyOf({ projectDir, files }: CompileRequest): string {
  return JSON.stringify([projectDir, [...files].sort(), process.version, [...processConditions()]]);
}

function readEntry(cacheFile: string): Entry | undefined {
  try {
    return JSON.parse(readFileSync(cacheFile, "utf8")) as Entry; // written by checkFlows
  } catch {
    return undefined;
  }
}

/**
 * Makes room for the result. Gives the time, by the file system's own clock, which lags a little behind the system's;
 * undefined where nothing can be written, as in a read-only checkout.
 */
function prepare(cacheFile: string): bigint | undefined {
  try {
    mkdirSync(dirname(cacheFile), { recursive: true });
    writeFileSync(cacheFile, "");
    return statSync(cacheFile, { bigint: true }).mtimeNs;
  } catch {
    return undefined;
  }
}

function isCurrent({ stamps }: Entry): boolean {
  return Object.entries(stamps).every(([path, stamp]) => stampOf(path) === stamp);
}

/**
 * Of the files, of their packages' manifests, and of what would change how an import resolves: the directories that
 * the user's own files lie in, and every `node_modules` that is looked into from there.
 */
function stampsOf(inputs: CompileResult["inputs"]): Record<string, string> {
  const paths = new Set<string>(inputs);
  for (const path of ownFiles()) paths.add(path);
  for (const input of inputs) {
    const packageDir = packageDirectory(input);
    if (packageDir !== undefined) paths.add(join(packageDir, "package.json"));
    else for (const path of lookedInto(dirname(input))) paths.add(path);
  }
  return Object.fromEntries([...paths].sort().map((path) => [path, stampOf(path)]));
}

/** Of a file in `node_modules`: the directory of its package. */
function packageDirectory(path: string): string | undefined {
  return /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/.exec(path)?.[0];
}

function* lookedInto(directory: string): Generator<string> {
  yield directory;
  for (let above = directory; ; above = dirname(above)) {
    yield join(above, "package.json");
    yield join(above, "tsconfig.json");
    yield join(above, "node_modules");
    yield join(above, "node_modules", "@types");
    if (dirname(above) === above) return;
  }
}

/** Weir's own: another version may find other mistakes. */
function ownFiles(): string[] {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  return ["compiler", "dsl", "plan"].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
}

const ABSENT = "absent";

/** Changes with any change of the file, or of the list of what is in the directory. */
function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? ABSENT : `${stat.mtimeNs} ${stat.ctimeNs} ${stat.isFile() ? stat.size : "-"}`;
}

function isUntil(stamp: string, time: bigint): boolean {
  if (stamp === ABSENT) return true;
  const [modified = "0", changed = "0"] = stamp.split(" ");
  return BigInt(modified) <= time && BigInt(changed) <= time;
}
