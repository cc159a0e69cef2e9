/** Drivers by connector name, each loaded only in the thread that needs it. */
import type { CaptureDriver, MaterializationDriver } from "../connectors/driver.ts";

const CAPTURES: Readonly<Record<string, () => Promise<{ driver: CaptureDriver }>>> = {
  files: () => import("../connectors/files/driver.ts"),
  http: () => import("../connectors/http/driver.ts"),
};

const MATERIALIZATIONS: Readonly<Record<string, () => Promise<{ driver: MaterializationDriver }>>> = {
  postgres: () => import("../connectors/postgres/driver.ts"),
  redis: () => import("../connectors/redis/driver.ts"),
};

export async function captureDriver(connector: string): Promise<CaptureDriver> {
  return load(CAPTURES, connector, "capture from");
}

export async function materializationDriver(connector: string): Promise<MaterializationDriver> {
  return load(MATERIALIZATIONS, connector, "materialize to");
}

async function load<D>(
  drivers: Readonly<Record<string, () => Promise<{ driver: D }>>>,
  connector: string,
  verb: string,
): Promise<D> {
  const module = Object.hasOwn(drivers, connector) ? drivers[connector] : undefined;
  if (!module) {
    const known = Object.keys(drivers).join(", ");
    throw new Error(`This version of Weir cannot ${verb} "${connector}"; it knows ${known}.`);
  }
  return (await module()).driver;
}
