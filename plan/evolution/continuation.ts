/**
 * The choice that a flow has of a derivation whose meaning changes: `continues: "<hash>"` keeps what the definition with
 * this hash derived, and uses the new one from where that one stands.
 */
import { definitionHash, SHORT_DEFINITION_HASH } from "../definition-hash.ts";
import type { DerivationPlan } from "../plan.ts";
import type { Difference } from "./difference.ts";

/** `differences` are all of a derived collection. Either all of its rebuilds are spared, or none. */
export function withContinuation(
  differences: readonly Difference[],
  before: DerivationPlan,
  after: DerivationPlan,
): readonly Difference[] {
  const rebuilds = differences.filter(({ effect }) => effect === "rebuild");
  if (rebuilds.length === 0) return differences;
  const hash = definitionHash(before);
  const { continues } = after;
  const possible = rebuilds.every(({ continued }) => typeof continued === "object");
  const isMeant = continues !== undefined && hash.startsWith(continues);
  const short = hash.slice(0, SHORT_DEFINITION_HASH);
  if (isMeant && possible) return differences.map((each) => continuedFrom(each, each === rebuilds.at(-1)));
  const answers = [
    ...(continues === undefined || isMeant
      ? []
      : [
          `continues names ${continues.slice(0, SHORT_DEFINITION_HASH)}, and what ran last is ${short}: it has no effect.`,
        ]),
    ...(isMeant
      ? [`continues keeps nothing here: ${[...new Set(rebuilds.flatMap(hindrance))].join("; ")}.`]
      : []),
  ];
  const offers = possible
    ? [`To keep what was derived and use the new definition from here on, write continues: "${short}" in it.`]
    : [];
  if (answers.length + offers.length === 0) return differences;
  const caution = [...answers, SERVES_MEANWHILE, ...offers].join(" ");
  const [first] = rebuilds;
  return differences.map((each) => (each === first ? { ...each, caution, whenRebuilt: each } : each));
}

export const SERVES_MEANWHILE =
  "It is made again beside the one that serves, which goes on until it has caught up, and is then kept until weir drop.";

const MIXED =
  "What was derived before is by the old definition, and what follows by the new one; a later rebuild would make all of it by the new one.";

const NOT_KEPT = "continues keeps nothing here: what it reads is made again, and so is all that it derived.";

/** What is said of all of them together is said with the last. */
function continuedFrom(difference: Difference, isLast: boolean): Difference {
  const { continued, refused: _refused, ...rebuild } = difference;
  if (difference.effect !== "rebuild" || typeof continued !== "object") return difference;
  const { effect, reason } = continued;
  const cautions = [
    ...(continued.caution === undefined ? [] : [continued.caution]),
    ...(isLast ? [MIXED] : []),
  ];
  return {
    effect,
    reason: isLast ? `${reason}; what it derived before stays, as the flow says (continues)` : reason,
    fields: difference.fields.map((field) => ({ ...field, storedRowsGetIt: "no" })),
    ...(cautions.length === 0 ? {} : { caution: cautions.join(" ") }),
    whenRebuilt: { ...rebuild, caution: NOT_KEPT },
  };
}

function hindrance({ continued }: Difference): readonly string[] {
  if (typeof continued === "object") return [];
  return [continued ?? "what was derived before has another key, another form or another place"];
}
