/** Opens a data directory that no process runs, to look at it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { lockDataDirectory } from "./data-directory-lock.ts";
import { type Environment, resolveEnvironment } from "./environment.ts";
import { EmbeddedHead } from "./head/embedded-head.ts";
import type { Head } from "./head/head.ts";
import { HeadService } from "./head/head-service.ts";
import type { RuntimeConfig } from "./runtime.ts";
import { type ObjectStore, openStore, type StoreConfig } from "./store/store.ts";

export interface AtRest {
  readonly head: Head;
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** Throws if the directory is in use, or if nothing has ever run there. */
export async function openAtRest(config: RuntimeConfig, environment: Environment): Promise<AtRest> {
  const directory = join(config.dataDir, "head");
  if (!existsSync(directory)) {
    throw new Error(`Nothing has run in the data directory ${config.dataDir} yet; start with "weir run".`);
  }
  const lock = await lockDataDirectory(config.dataDir);
  try {
    // The references have been replaced: what is left is the store's own configuration.
    const store = await openStore(resolveEnvironment(config.store, environment) as StoreConfig);
    const head = new HeadService(new EmbeddedHead(directory), (error) => {
      throw error;
    });
    return {
      head,
      store,
      async close() {
        await store.close();
        await head.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
