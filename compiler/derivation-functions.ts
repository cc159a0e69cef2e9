/** The functions of a derivation: what each is called in messages, and where the flow gives it. */
import type { EvaluatedDerivation } from "./evaluate/evaluation.ts";
import type { FunctionFacts } from "./evaluate/function-facts.ts";
import type { Aim } from "./typescript/calls.ts";

export interface DerivationFunction {
  readonly facts: FunctionFacts;
  /** `outputs` of the derived collection come from it, or `values` of the shuffle key. */
  readonly gives: "outputs" | "values";
  /** After "the": `handler orders of shop/enriched`. */
  readonly name: string;
  readonly aim: Aim;
}

export function functionsOf({ collection, sources }: EvaluatedDerivation): readonly DerivationFunction[] {
  return sources.flatMap(({ name: source, transform, removed, by = [] }) => {
    const of = collection.name;
    const found: DerivationFunction[] = [];
    if (transform !== undefined) {
      found.push({
        ...{ facts: transform, gives: "outputs" },
        ...(source === undefined
          ? { name: `transform of ${of}`, aim: ["transform"] }
          : { name: `handler ${source} of ${of}`, aim: ["on", source] }),
      });
    }
    if (removed !== undefined) {
      found.push({
        ...{ facts: removed, gives: "outputs" },
        ...(source === undefined
          ? { name: `removed handler of ${of}`, aim: ["removed"] }
          : { name: `removed handler ${source} of ${of}`, aim: ["removed", source] }),
      });
    }
    for (const [index, each] of by.entries()) {
      if (typeof each === "string") continue;
      const aim = [...(source === undefined ? [] : ["from", source]), "by", String(index)];
      found.push({
        facts: each,
        gives: "values",
        name: `shuffle key of ${source ?? "the source"} in ${of}`,
        aim,
      });
    }
    return found;
  });
}

/** Whether one of its functions may return removals, which are `removing`. */
export function mayRemove({ sources }: EvaluatedDerivation, removing: ReadonlySet<FunctionFacts>): boolean {
  return sources
    .flatMap(({ transform, removed }) => [transform, removed])
    .some((each) => each !== undefined && removing.has(each));
}
