/**
 * Where documents may be applied a second time to rows that have them already.
 *
 * Let a key's row be A·S: what came before the position, reduced with what came from it on, S (reductions are associative,
 * and a key's documents are in one journal, whose order is kept). Applying S again, and then what is new, X, gives
 * A·S·S·X. That is A·S·X, as it must be, if S·S = S for whatever S may be: if the reduction is idempotent.
 *  - `last`, and a field without a strategy, absence included: the newest of S is the newest of S·S.
 *  - `first`: the oldest of S is the oldest of S·S; and A, if it has one, wins over both.
 *  - `min`, `max`: on a tie the older stays, so that also the spelling of equal times does.
 *  - `set`: the newest change of each member decides. `merge`: the newest value at each path, objects over what is none.
 *  - A removal in S absorbs what came before it: what S leaves is then "this row" or "no row", also the second time.
 *  - `sum` and `append` count twice. They are refused.
 * While it goes on, a row is A·S·(a beginning of S): what its readers see goes back, and forward again. A request that
 * comes in the middle must therefore not skip what is still to be applied (`rewound`).
 *
 * It puts right what S alone determines. What a row got from A is taken as it is.
 */
import type { CollectionPlan, ReduceStrategy } from "../../plan/plan.ts";

/** Fields whose reduction counts a document again that is applied again, by path. */
export function countedFields({ reduce }: CollectionPlan): readonly string[] {
  return Object.entries(reduce).flatMap(([path, strategy]) => (isIdempotent(strategy) ? [] : [path]));
}

function isIdempotent(strategy: ReduceStrategy): boolean {
  if (typeof strategy === "object") return "merge" in strategy;
  switch (strategy) {
    case "first":
    case "last":
    case "min":
    case "max":
    case "set":
    case "merge":
      return true;
    case "sum":
    case "append":
      return false;
    default:
      return strategy satisfies never;
  }
}
