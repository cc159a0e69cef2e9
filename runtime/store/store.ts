import type { ObjectStore, StoreConfig } from "./object-store.ts";

export {
  type ListOptions,
  ObjectNotFoundError,
  type ObjectStore,
  type S3Config,
  type StoreConfig,
  type StoredObject,
  StoreError,
} from "./object-store.ts";

export interface OpenStoreOptions {
  /**
   * Whether to ask a bucket for a listing first, so that what is wrong with the configuration is told at once. Without
   * it a bucket that cannot be reached now is opened all the same, and its operations fail until it can be. Default true.
   */
  readonly probe?: boolean;
}

const directoryStore = () => import("./directory-store.ts");
const s3Store = () => import("./s3-store.ts");

/** Loads what `openStore` would. */
export async function loadStore(config: StoreConfig): Promise<void> {
  await ("directory" in config ? directoryStore() : s3Store());
}

/**
 * Opens a store. A directory is created if it is missing, a bucket is not. Rejects with `StoreError`. The S3 SDK is
 * loaded only for a bucket.
 */
export async function openStore(
  config: StoreConfig,
  { probe = true }: OpenStoreOptions = {},
): Promise<ObjectStore> {
  if ("directory" in config) {
    const { openDirectoryStore } = await directoryStore();
    return openDirectoryStore(config.directory);
  }
  const { openS3Store } = await s3Store();
  return openS3Store(config.s3, probe);
}
