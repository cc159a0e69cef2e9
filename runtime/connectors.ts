/** Drivers by connector name, each loaded only in the thread that needs it. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CaptureDriver, MaterializationDriver } from "../connectors/driver.ts";

const CAPTURES: Readonly<Record<string, () => Promise<{ driver: CaptureDriver }>>> = {
  files: () => import("../connectors/files/driver.ts"),
  http: () => import("../connectors/http/driver.ts"),
};

const MATERIALIZATIONS: Readonly<Record<string, () => Promise<{ driver: MaterializationDriver }>>> = {
  postgres: () => import("../connectors/postgres/driver.ts"),
  redis: () => import("../connectors/redis/driver.ts"),
};

/** What a start must know of each capture before it has a thread. */
export type CaptureTraits = Pick<CaptureDriver, "thread" | "bounded">;

/** Of our own captures, as their drivers have it: those would bring their libraries into the main thread. */
const TRAITS: Readonly<Record<string, CaptureTraits>> = {
  files: { thread: "own", bounded: (config) => config.watch !== true },
  http: { thread: "shared", bounded: () => false },
};

export async function captureTraits(connector: string, baseDir: string): Promise<CaptureTraits> {
  return TRAITS[connector] ?? (await captureDriver(connector, baseDir));
}

/** Throws where a target's driver is of a package, and that cannot be loaded. */
export async function requireMaterializationDriver(connector: string, baseDir: string): Promise<void> {
  if (!Object.hasOwn(MATERIALIZATIONS, connector)) await materializationDriver(connector, baseDir);
}

/** `baseDir` is where packages are looked for: the project's directory. */
export async function captureDriver(connector: string, baseDir: string): Promise<CaptureDriver> {
  return load(CAPTURES, connector, baseDir, { verb: "capture from", member: "captureDriver", has: "run" });
}

export async function materializationDriver(
  connector: string,
  baseDir: string,
): Promise<MaterializationDriver> {
  const role = { verb: "materialize to", member: "materializationDriver", has: "open" };
  return load(MATERIALIZATIONS, connector, baseDir, role);
}

interface Role {
  readonly verb: string;
  /** The export of a package's driver module. */
  readonly member: string;
  /** A method that such a driver has. */
  readonly has: string;
}

async function load<D>(
  drivers: Readonly<Record<string, () => Promise<{ driver: D }>>>,
  connector: string,
  baseDir: string,
  role: Role,
): Promise<D> {
  const own = Object.hasOwn(drivers, connector) ? drivers[connector] : undefined;
  if (own) return (await own()).driver;
  const module = await importDriver(connector, baseDir, role, Object.keys(drivers));
  const driver: unknown = Reflect.get(module, role.member);
  if (typeof driver !== "object" || driver === null || typeof Reflect.get(driver, role.has) !== "function") {
    throw new Error(
      `The package ${connector} cannot be used to ${role.verb}: its ./driver exports no ${role.member} with a method ${role.has}.`,
    );
  }
  return driver as D; // its methods are the package's promise
}

/** A connector that is not ours is named by its package, whose `./driver` is its driver. */
async function importDriver(
  connector: string,
  baseDir: string,
  { verb }: Role,
  known: readonly string[],
): Promise<object> {
  let path: string;
  try {
    path = createRequire(join(baseDir, "package.json")).resolve(`${connector}/driver`);
  } catch (cause) {
    throw new Error(
      `Weir cannot ${verb} "${connector}": it is none of its own connectors (${known.join(", ")}), and no package of that name with a ./driver is installed in ${baseDir}. Run npm install ${connector}, or check the name.`,
      { cause },
    );
  }
  return (await import(pathToFileURL(path).href)) as object; // a module is one
}
