/** What a flow file imports from `weir`: values and types only. */
export type { By, ShuffleFunction } from "./by.ts";
export { type CaptureDefinition, capture } from "./capture.ts";
export type {
  Collection,
  DerivationDefinition,
  Readable,
  Reduced,
  ReducedDerivationDefinition,
  WhereView,
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
  type TargetMode,
  target,
} from "./connector.ts";
export type { CollectionDefinition } from "./definition.ts";
export {
  derive,
  type HandlerContext,
  type Handlers,
  type RemovedHandlers,
  type SeveralDerivationDefinition,
  type Sources,
  type StateDefinition,
} from "./derive.ts";
export type { Duration } from "./duration.ts";
export { type EnvReference, env } from "./env.ts";
export type { Instant } from "./instant.ts";
export type { MaterializeOptions } from "./materialize.ts";
export type { FieldPath, KeyPath, RequiredPath, Scalar } from "./paths.ts";
export type { ReadOptions } from "./read.ts";
export type { Reduce, Strategy } from "./reduce.ts";
export { type KeyOf, type Remove, remove } from "./remove.ts";
export type { Doc, Fractional, Schema } from "./schema.ts";
export type { Change, Json, JsonObject, Out, Transform } from "./transform.ts";
export type { Where } from "./where.ts";
