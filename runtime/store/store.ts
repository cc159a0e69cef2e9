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

/**
 * Opens a store and checks that it can be listed. A directory is created if it is missing, a bucket is not.
 * Rejects with `StoreError`. The S3 SDK is loaded only for a bucket.
 */
export async function openStore(config: StoreConfig): Promise<ObjectStore> {
  if ("directory" in config) {
    const { openDirectoryStore } = await import("./directory-store.ts");
    return openDirectoryStore(config.directory);
  }
  const { openS3Store } = await import("./s3-store.ts");
  return openS3Store(config.s3);
}
