import { milliseconds } from "../dsl/duration.ts";
import { instantMilliseconds } from "../dsl/instant.ts";
import type {
  BundleReference,
  CapturePlan,
  CollectionPlan,
  CollectionView,
  DerivationPlan,
  DerivationSource,
  MaterializationPlan,
  Plan,
  ReduceStrategy,
  StatePlan,
} from "../plan/plan.ts";
import { PLAN_FORMAT_VERSION } from "../plan/plan.ts";
import { resourceName } from "./check/graph.ts";
import type { Declared } from "./declared.ts";
import { mayRemove } from "./derivation-functions.ts";
import type {
  EvaluatedCollection,
  EvaluatedMaterialization,
  EvaluatedSource,
  EvaluatedState,
  EvaluatedView,
} from "./evaluate/evaluation.ts";
import type { FunctionFacts } from "./evaluate/function-facts.ts";
import type { Bundle } from "./transform/bundle.ts";

/** The plan of declarations that have passed every check. What is as by default is left out. */
export function assemblePlan(
  declared: Declared,
  bundles: ReadonlyMap<FunctionFacts, Bundle>,
  removing: ReadonlySet<FunctionFacts>,
): Plan {
  const collections: Record<string, CollectionPlan> = {};
  const captures: Record<string, CapturePlan> = {};
  const derivations: Record<string, DerivationPlan> = {};
  const materializations: Record<string, MaterializationPlan> = {};
  const renames = new Map(declared.renames.map((each) => [each.collection, each.from]));
  for (const { collection, source, onError } of declared.captures) {
    collections[collection.name] = collectionPlan(collection, renames);
    captures[collection.name] = {
      connector: source.connector,
      config: source.config,
      guarantee: source.guarantee,
      ...(onError === "halt" ? {} : { onError }),
    };
  }
  for (const derivation of declared.derivations) {
    const { collection, sources, state, params, shards, onError, continues } = derivation;
    collections[collection.name] = collectionPlan(collection, renames);
    derivations[collection.name] = {
      sources: sources.map((source) => sourcePlan(source, bundles)),
      params,
      ...(state === undefined ? {} : { state: statePlan(collection.name, state) }),
      ...(mayRemove(derivation, removing) ? { removes: true } : {}),
      ...(shards === undefined ? {} : { shards }),
      ...(onError === "halt" ? {} : { onError }),
      ...(continues === undefined ? {} : { continues }),
    };
  }
  for (const each of declared.materializations)
    materializations[resourceName(each)] = materializationPlan(each);
  return { formatVersion: PLAN_FORMAT_VERSION, collections, captures, derivations, materializations };
}

export function collectionPlan(
  { name, schema, key, reduce, partitionBy, partitions }: EvaluatedCollection,
  renames: ReadonlyMap<string, string> = new Map(),
): CollectionPlan {
  const renamedFrom = renames.get(name);
  return {
    schema: schema.json ?? missing(`The schema of ${name}`),
    key,
    // Checked by `check/reduction.ts`.
    reduce: reduce as Readonly<Record<string, ReduceStrategy>>,
    ...(partitionBy.length === 0 ? {} : { partitionBy }),
    ...(partitions === 1 ? {} : { partitions }),
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
  };
}

function statePlan(name: string, { schema, initial }: EvaluatedState): StatePlan {
  return { schema: schema.json ?? missing(`The schema of the state of ${name}`), initial };
}

function sourcePlan(source: EvaluatedSource, bundles: ReadonlyMap<FunctionFacts, Bundle>): DerivationSource {
  const { name, from, until, priority, readDelay, reduced, by, transform, removed } = source;
  const bundleOf = (facts: FunctionFacts | undefined): BundleReference => {
    const bundle = facts && bundles.get(facts);
    return { bundle: bundle?.hash ?? missing(`A function of ${name ?? source.collection}`) };
  };
  const readDelayMs = readDelay === undefined ? 0 : milliseconds(readDelay);
  return {
    ...viewPlan(source),
    ...(name === undefined ? {} : { name }),
    ...(from === undefined ? {} : { from: instantPlan(from) }),
    ...(until === undefined ? {} : { until: instantPlan(until) }),
    ...(priority === 0 ? {} : { priority }),
    ...(readDelayMs === 0 ? {} : { readDelayMs }),
    ...(reduced ? { reduced } : {}),
    ...(by === undefined ? {} : { by: by.map((each) => (typeof each === "string" ? each : bundleOf(each))) }),
    transform: bundleOf(transform),
    ...(removed === undefined ? {} : { removed: bundleOf(removed) }),
  };
}

function viewPlan({ collection, where }: EvaluatedView): CollectionView {
  return { collection, ...(Object.keys(where).length === 0 ? {} : { where }) };
}

function instantPlan(text: string): string {
  const ms = instantMilliseconds(text) ?? missing(`The time ${text}`);
  return new Date(ms).toISOString();
}

function materializationPlan(each: EvaluatedMaterialization): MaterializationPlan {
  const { view, target, backfill, onSchemaChange, renamedFrom } = each;
  const { connector, config, guarantee, mode } = target;
  return {
    ...{ connector, config, guarantee },
    ...viewPlan(view),
    ...(mode === "standard" ? {} : { mode }),
    ...(backfill === 0 ? {} : { backfill }),
    ...(onSchemaChange === "halt" ? {} : { onSchemaChange }),
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
  };
}

function missing(what: string): never {
  throw new Error(`${what} is missing, and no diagnostic says so. This is a bug of Weir.`);
}
