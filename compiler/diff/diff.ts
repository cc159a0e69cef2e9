/** The difference of two plans, by what it does to data. A pure function of its arguments. */
import { SERVES_MEANWHILE } from "../../plan/evolution/continuation.ts";
import type { Difference } from "../../plan/evolution/difference.ts";
import { type EffectOn, effectsOf } from "../../plan/evolution/effects.ts";
import { viewText } from "../../plan/evolution/view-text.ts";
import { collectionsInOrder, compareText } from "../../plan/order.ts";
import type { CollectionView, DerivationSource, Plan } from "../../plan/plan.ts";
import { PLAN_FORMAT_VERSION } from "../../plan/plan.ts";
import { type Change, type ChangeKind, type CollectionSize, diffOf, type PlanDiff } from "./change.ts";
import { removals } from "./removals.ts";
import { replayOf } from "./replay.ts";

const EMPTY: Plan = {
  ...{ formatVersion: PLAN_FORMAT_VERSION, collections: {}, captures: {} },
  ...{ derivations: {}, materializations: {} },
};

export type Sizes = ReadonlyMap<string, CollectionSize>;

/** What a task reads. */
type View = CollectionView | DerivationSource;

/** `base` is undefined where nothing ran before. `sizes` are those of the data directory that `base` ran in, if it can be reached. */
export function diff(base: Plan | undefined, next: Plan, sizes: Sizes = new Map()): PlanDiff {
  const { evolution, collections, targets } = effectsOf(base ?? EMPTY, next);
  const { base: before, renames } = evolution;
  const known: Sizes = new Map(
    [...sizes].map(([name, size]) => [renames.collections.get(name) ?? name, size]),
  );
  const changes: Change[] = [];
  for (const name of collectionsInOrder(next)) {
    const kind = Object.hasOwn(next.captures, name) ? "capture" : "derivation";
    const reads = kind === "capture" ? [] : (next.derivations[name]?.sources ?? []);
    if (!Object.hasOwn(before.collections, name)) changes.push(created(kind, name, reads, before, known));
    const effect = collections.get(name);
    if (effect) changes.push(changed({ kind, name, reads, effect, next, sizes: known }));
  }
  for (const name of Object.keys(next.materializations).sort(compareText)) {
    const after = next.materializations[name];
    if (after === undefined) continue;
    const kind = "materialization";
    const reads = [after];
    if (!Object.hasOwn(before.materializations, name)) {
      changes.push(created(kind, name, reads, before, known));
    }
    const effect = targets.get(name);
    if (effect) changes.push(changed({ kind, name, reads, effect, next, sizes: known }));
  }
  return diffOf([...changes, ...removals(before, next)]);
}

function created(kind: ChangeKind, name: string, reads: readonly View[], base: Plan, sizes: Sizes): Change {
  const old = reads.filter(
    ({ collection }) => Object.hasOwn(base.collections, collection) || sizes.has(collection),
  );
  const from = [...new Set(reads.map(readText))].join(", ");
  const reason = {
    capture: "It is new, and takes documents from now on, or from its source's beginning.",
    derivation: `It is new, and reads ${from} from the first document on.`,
    materialization: `It is new, and is filled from the first document of ${from} on.`,
  }[kind];
  return {
    ...{ kind, name, action: "create", destructive: false, reason, because: [name], fields: [] },
    replay: old.length === 0 ? null : replayOf(old, sizes),
    caution: null,
    refusedToday: null,
  };
}

/** `shop/orders (where country = NL)` */
function readText(view: View): string {
  const text = viewText(view);
  return text === undefined ? view.collection : `${view.collection} (${text})`;
}

interface Changed {
  readonly kind: ChangeKind;
  readonly name: string;
  readonly reads: readonly View[];
  readonly effect: EffectOn;
  readonly next: Plan;
  readonly sizes: Sizes;
}

function changed({ kind, name, reads, effect, next, sizes }: Changed): Change {
  const { found, upstream, rebuilt } = effect;
  const rebuilds = found.filter((each) => each.effect === "rebuild");
  const action = rebuilt ? "rebuild" : gravest(found);
  const reasons = reasonsOf(rebuilds.length > 0 ? rebuilds : found, kind);
  if (upstream !== undefined) reasons.push(rippleReason(kind, upstream));
  const refused = found.flatMap((each) => each.refused ?? []);
  const cautions = [...new Set(found.flatMap(({ caution }) => caution ?? []))];
  // A derived collection and a target are made again from their source, which gives stored rows their change.
  const remade = rebuilt && kind !== "capture";
  const fields = found.flatMap((each) => each.fields);
  return {
    kind,
    name,
    action,
    destructive: found.some(({ destructive }) => destructive === true),
    reason: reasons.map(sentence).join(" "),
    because: effect.because,
    fields: remade ? fields.map((field) => ({ ...field, storedRowsGetIt: "yes" as const })) : fields,
    replay: rebuilt ? replayFor(kind, name, reads, found, next, sizes) : null,
    caution:
      cautions.length > 0 ? cautions.join(" ") : rebuilt ? rebuildCaution(kind, name, found, next) : null,
    refusedToday: refused.length > 0 ? [...new Set(refused)].join("; ") : null,
  };
}

/** Of differences that rebuild nothing. */
function gravest(found: readonly Difference[]): "resume" | "code-only" | "update" {
  const effects = new Set(found.map(({ effect }) => effect));
  return effects.has("resume") ? "resume" : effects.has("code-only") ? "code-only" : "update";
}

/** Where a transform has changed, that its output has other fields goes without saying. */
function reasonsOf(found: readonly Difference[], kind: ChangeKind): string[] {
  const others = found.filter(({ fields }) => fields.every(({ aspect }) => aspect !== "field"));
  const shown = kind === "derivation" && others.some(({ effect }) => effect === "rebuild") ? others : found;
  return shown.flatMap(({ reason }) => reason.split(". "));
}

function rippleReason(kind: ChangeKind, upstream: readonly string[]): string {
  const how = kind === "materialization" ? "it is filled again" : "it is computed again";
  return `${how} from ${upstream.at(-1)}`;
}

function replayFor(
  kind: ChangeKind,
  name: string,
  reads: readonly View[],
  found: readonly Difference[],
  next: Plan,
  sizes: Sizes,
): Change["replay"] {
  if (kind !== "capture") return replayOf(reads, sizes);
  const source = found.some(({ fields }) => fields.some(({ aspect }) => aspect === "source"));
  // A captured collection with another schema or key is made of its own documents, each checked.
  if (!source) return replayOf([{ collection: name }], sizes);
  return replayOf([], sizes, next.captures[name]?.connector);
}

/** Of what is made again for a reason of its own: `because` leads from the others to it. */
function rebuildCaution(
  kind: ChangeKind,
  name: string,
  found: readonly Difference[],
  next: Plan,
): string | null {
  if (found.every(({ effect, inPlace }) => effect !== "rebuild" || inPlace)) return null;
  if (kind === "capture") {
    const source = next.captures[name]?.connector ?? "its source";
    return `A stored document that does not fit halts it, and so does one that ${source} sends meanwhile: what stands goes on serving. Make the change compatible (an optional field, a wider type), or declare the new form under a new name.`;
  }
  return SERVES_MEANWHILE;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
