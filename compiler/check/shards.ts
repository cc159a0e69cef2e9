/** Whether a derivation may run in as many shards as its flow asks for. */
import { type ShardRule, shardRule } from "../../plan/sharding.ts";
import { collectionPlan } from "../assemble.ts";
import type { Declared } from "../declared.ts";
import { mayRemove } from "../derivation-functions.ts";
import { type Diagnostic, diagnostic } from "../diagnostics/diagnostic.ts";
import type { EvaluatedCollection, EvaluatedDerivation } from "../evaluate/evaluation.ts";
import type { FunctionFacts } from "../evaluate/function-facts.ts";
import type { AimAt } from "./graph.ts";

export function* checkShards(
  { captures, derivations }: Declared,
  removing: ReadonlySet<FunctionFacts>,
  aim: AimAt,
): Generator<Diagnostic> {
  const collections = new Map(
    [...captures, ...derivations].map(({ collection }) => [collection.name, collection]),
  );
  for (const derivation of derivations) {
    const { collection, shards = 1, place } = derivation;
    const rule = shards > 1 ? ruleOf(derivation, collections, removing) : undefined;
    if (rule?.kind === "in-order") {
      yield diagnostic(
        "WEIR3020",
        aim(place, ["shards"]),
        `${collection.name} cannot run in ${shards} shards, because ${rule.reason}.`,
        { fix: rule.remedy },
      );
    } else if (rule !== undefined && shards > rule.most) {
      const partitions = rule.most === 1 ? "1 partition" : `${rule.most} partitions`;
      const names = [...new Set(derivation.sources.map((source) => source.collection))].join(" and ");
      yield diagnostic(
        "WEIR3021",
        aim(place, ["shards"]),
        `${collection.name} asks for ${shards} shards, and what it reads (${names}) has ${partitions}.`,
        { fix: `Ask for ${rule.most} at most, or give ${names} partitions: ${shards}.` },
      );
    }
  }
}

/** Undefined where something else is wrong, which is told elsewhere. */
function ruleOf(
  derivation: EvaluatedDerivation,
  collections: ReadonlyMap<string, EvaluatedCollection>,
  removing: ReadonlySet<FunctionFacts>,
): ShardRule | undefined {
  const { collection, sources, state } = derivation;
  if (collection.schema.json === undefined) return undefined;
  const read = sources.flatMap((source) => {
    const from = collections.get(source.collection);
    return from === undefined ? [] : [{ ...from, collection: from.name, by: source.by ?? [] }];
  });
  if (read.length < sources.length) return undefined;
  return shardRule({
    collection: collectionPlan(collection),
    sources: read,
    hasState: state !== undefined,
    removes: mayRemove(derivation, removing),
  });
}
