import type {
  CapturePlan,
  CollectionPlan,
  DerivationPlan,
  MaterializationPlan,
  Plan,
  ReduceStrategy,
} from "../plan/plan.ts";
import { PLAN_FORMAT_VERSION } from "../plan/plan.ts";
import { resourceName } from "./check/graph.ts";
import type { Declared } from "./declared.ts";
import type { EvaluatedCollection } from "./evaluate/evaluation.ts";
import type { Bundle } from "./transform/bundle.ts";

/** The plan of declarations that have passed every check. */
export function assemblePlan(declared: Declared, bundles: ReadonlyMap<string, Bundle>): Plan {
  const collections: Record<string, CollectionPlan> = {};
  const captures: Record<string, CapturePlan> = {};
  const derivations: Record<string, DerivationPlan> = {};
  const materializations: Record<string, MaterializationPlan> = {};
  for (const { collection, source } of declared.captures) {
    collections[collection.name] = collectionPlan(collection);
    captures[collection.name] = {
      connector: source.connector,
      config: source.config,
      guarantee: source.guarantee,
    };
  }
  for (const { collection, source, params } of declared.derivations) {
    const bundle = bundles.get(collection.name);
    if (bundle === undefined)
      throw new Error(`${collection.name} has no bundle and no diagnostic. This is a bug of Weir.`);
    collections[collection.name] = collectionPlan(collection);
    derivations[collection.name] = {
      sources: [{ collection: source }],
      transform: { bundle: bundle.hash, params },
    };
  }
  for (const each of declared.materializations) {
    const { connector, config, guarantee } = each.target;
    materializations[resourceName(each)] = { connector, config, guarantee, collection: each.collection };
  }
  return { formatVersion: PLAN_FORMAT_VERSION, collections, captures, derivations, materializations };
}

function collectionPlan({ name, schema, key, reduce }: EvaluatedCollection): CollectionPlan {
  if (schema.json === undefined)
    throw new Error(`${name} has no schema and no diagnostic. This is a bug of Weir.`);
  // Checked by `check/reduction.ts`.
  return { schema: schema.json, key, reduce: reduce as Readonly<Record<string, ReduceStrategy>> };
}
