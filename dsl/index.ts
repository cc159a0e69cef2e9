/** What a flow file imports from `weir`: values and types only. */
export { type CaptureDefinition, capture } from "./capture.ts";
export type {
  Collection,
  CollectionDefinition,
  DerivationDefinition,
  Json,
  JsonObject,
  Out,
  Transform,
} from "./collection.ts";
export {
  type DirectoryStoreConfig,
  defineConfig,
  type S3StoreConfig,
  type StoreConfig,
  type WeirConfig,
} from "./config.ts";
export {
  type ConfigValue,
  type ConnectorDescription,
  type Guarantee,
  type Provenance,
  type Source,
  source,
  type Target,
  target,
} from "./connector.ts";
export { type EnvReference, env } from "./env.ts";
export type { FieldPath, KeyPath, RequiredPath, Scalar } from "./paths.ts";
export type { Reduce, Strategy } from "./reduce.ts";
export { type KeyOf, type Remove, remove } from "./remove.ts";
export type { Doc, Fractional, Schema } from "./schema.ts";
