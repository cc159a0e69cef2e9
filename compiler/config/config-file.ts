import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { StoreConfig, WeirConfig } from "../../dsl/config.ts";
import { importConfig } from "./import-config.ts";

/** A project's configuration with every default filled in; all paths absolute. */
export interface ResolvedConfig {
  /** Where relative paths start from: the configuration file's directory, or the working directory without one. */
  readonly projectDir: string;
  readonly configFile: string | undefined;
  readonly flows: readonly string[];
  readonly dataDir: string;
  readonly store: StoreConfig;
  /** Limits that are not given are the driver's. */
  readonly http: NonNullable<WeirConfig["http"]> & { readonly host: string; readonly port: number };
  readonly fragments: NonNullable<WeirConfig["fragments"]>;
  readonly limits: NonNullable<WeirConfig["limits"]>;
}

/** The configuration file is missing, fails, or says what it cannot mean. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
}

const NAMES = ["weir.config.ts", "weir.config.mts", "weir.config.js", "weir.config.mjs"];

/**
 * Loads `explicitPath`, else the nearest configuration file from `cwd` up to the repository's root (a directory
 * that has `.git`) or the file system's. Without one, all defaults. Throws `ConfigError`.
 */
export async function loadConfig(cwd: string, explicitPath?: string): Promise<ResolvedConfig> {
  const path = explicitPath === undefined ? nearest(cwd) : resolve(cwd, explicitPath);
  if (path === undefined) return resolveConfig({}, resolve(cwd), undefined);
  if (!existsSync(path))
    throw new ConfigError(`There is no configuration file ${path}. Check the path after --config.`);
  let value: unknown;
  try {
    value = await importConfig(pathToFileURL(path));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`The configuration file ${path} fails when it is loaded: ${reason}`, { cause });
  }
  return resolveConfig(checked(value, path), dirname(path), path);
}

function nearest(cwd: string): string | undefined {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const found = NAMES.map((name) => join(directory, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (existsSync(join(directory, ".git")) || dirname(directory) === directory) return undefined;
  }
}

function resolveConfig(
  config: WeirConfig,
  projectDir: string,
  configFile: string | undefined,
): ResolvedConfig {
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(projectDir, path));
  const dataDir = absolute(config.dataDir ?? ".weir");
  const store: StoreConfig =
    config.store === undefined
      ? { directory: join(dataDir, "store") }
      : config.store.directory === undefined
        ? config.store
        : { directory: absolute(config.store.directory) };
  return {
    projectDir,
    configFile,
    flows: [config.flows ?? "flows/**/*.flow.ts"].flat(),
    dataDir,
    store,
    http: { ...config.http, host: config.http?.host ?? "127.0.0.1", port: config.http?.port ?? 8080 },
    fragments: config.fragments ?? {},
    limits: config.limits ?? {},
  };
}

const FIELDS = new Set(["flows", "dataDir", "store", "http", "fragments", "limits"]);

const LIMITS = new Set(["transformSeconds", "threadMemoryMb"]);

/** What types say too, for a configuration in JavaScript. */
function checked(value: unknown, path: string): WeirConfig {
  const fail = (what: string): never => {
    throw new ConfigError(`${path}: ${what}`);
  };
  if (!isRecord(value))
    return fail("the default export is no configuration. Write export default defineConfig({ … }).");
  const unknown = Object.keys(value).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    return fail(`there is no option ${unknown}. The options are ${[...FIELDS].join(", ")}.`);
  const { flows, dataDir, store, http, fragments, limits } = value;
  const isText = (each: unknown): boolean => typeof each === "string" && each !== "";
  if (flows !== undefined && ![flows].flat().every(isText))
    return fail("flows must be a glob or a list of globs.");
  if (dataDir !== undefined && !isText(dataDir)) return fail("dataDir must be the path of a directory.");
  if (store !== undefined && !(isRecord(store) && (isText(store.directory) || isRecord(store.s3)))) {
    return fail('store must be { directory: "…" } or { s3: { bucket: "…" } }.');
  }
  for (const [name, part] of [
    ["http", http],
    ["fragments", fragments],
    ["limits", limits],
  ] as const) {
    if (part !== undefined && !isRecord(part)) return fail(`${name} must be an object.`);
  }
  for (const [name, limit] of Object.entries(isRecord(limits) ? limits : {})) {
    if (!LIMITS.has(name)) {
      return fail(`there is no option limits.${name}. The options are ${[...LIMITS].join(", ")}.`);
    }
    if (limit !== undefined && !(typeof limit === "number" && Number.isFinite(limit) && limit > 0)) {
      return fail(`limits.${name} must be a number above 0.`);
    }
  }
  const port = isRecord(http) ? http.port : undefined;
  if (
    port !== undefined &&
    !(typeof port === "number" && Number.isInteger(port) && port >= 0 && port < 65536)
  ) {
    return fail("http.port must be a port number.");
  }
  for (const name of ["maxInFlightBytes", "requestTimeoutSeconds"] as const) {
    const limit = isRecord(http) ? http[name] : undefined;
    if (limit !== undefined && !(typeof limit === "number" && Number.isInteger(limit) && limit > 0)) {
      return fail(`http.${name} must be a whole number from 1 on.`);
    }
  }
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
