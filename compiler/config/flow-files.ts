import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { glob } from "tinyglobby";
import { ConfigError, type ResolvedConfig } from "./config-file.ts";

/**
 * The flow files, absolute and sorted: `args` (files, directories or globs, relative to `baseDir`) if there are
 * any, else what the configuration's globs match. Throws `ConfigError` for an argument that matches nothing.
 */
export async function findFlowFiles(
  config: ResolvedConfig,
  baseDir: string,
  args: readonly string[] = [],
): Promise<readonly string[]> {
  if (args.length === 0) return await matches(config.flows, config.projectDir);
  const found = new Set<string>();
  for (const argument of args) {
    const path = resolve(baseDir, argument);
    if (existsSync(path) && statSync(path).isFile()) {
      found.add(path);
      continue;
    }
    const isDirectory = existsSync(path);
    const files = await (isDirectory ? matches(["**/*.flow.ts"], path) : matches([argument], baseDir));
    if (files.length === 0) throw new ConfigError(`${argument} matches no flow file. Check the path.`);
    for (const file of files) found.add(file);
  }
  return [...found].sort();
}

async function matches(patterns: readonly string[], cwd: string): Promise<readonly string[]> {
  const files = await glob([...patterns], {
    cwd,
    absolute: true,
    onlyFiles: true,
    ignore: ["**/node_modules/**"],
    dot: false,
  });
  return files.map((file) => resolve(file)).sort();
}
