/** The difference of two plans, by what it does to data. A pure function of its arguments. */
import type { Plan } from "../../plan/plan.ts";
import { PLAN_FORMAT_VERSION } from "../../plan/plan.ts";
import { type Change, type ChangeKind, type CollectionSize, diffOf, type PlanDiff } from "./change.ts";
import { collectionDifferences } from "./collection-differences.ts";
import type { Difference } from "./difference.ts";
import { collectionsInOrder, compareText } from "./plan-graph.ts";
import { removals } from "./removals.ts";
import { replayOf } from "./replay.ts";
import { targetDifferences } from "./target-differences.ts";

const EMPTY: Plan = {
  ...{ formatVersion: PLAN_FORMAT_VERSION, collections: {}, captures: {} },
  ...{ derivations: {}, materializations: {} },
};

/** What a change upstream asks of whoever reads the collection. */
interface Ripple {
  readonly effect: "rebuild" | "update";
  readonly because: readonly string[];
  readonly fields: Change["fields"];
}

export type Sizes = ReadonlyMap<string, CollectionSize>;

/** `base` is undefined where nothing ran before. `sizes` are those of the data directory that `base` ran in, if it can be reached. */
export function diff(base: Plan | undefined, next: Plan, sizes: Sizes = new Map()): PlanDiff {
  const before = base ?? EMPTY;
  /** By collection: what its derivations, and what its targets, have to do. */
  const toDerivations = new Map<string, Ripple>();
  const toTargets = new Map<string, Ripple>();
  const changes: Change[] = [];
  for (const name of collectionsInOrder(next)) {
    const kind = Object.hasOwn(next.captures, name) ? "capture" : "derivation";
    const from =
      kind === "capture" ? [] : (next.derivations[name]?.sources ?? []).map(({ collection }) => collection);
    if (!Object.hasOwn(before.collections, name)) {
      changes.push(created(kind, name, from, before, sizes));
      continue;
    }
    const found = collectionDifferences(name, before, next);
    const upstream = from
      .flatMap((source) => toDerivations.get(source) ?? [])
      .find(({ effect }) => effect === "rebuild");
    const change = changed({ kind, name, from, found, upstream, next, sizes });
    if (change === undefined) continue;
    changes.push(change);
    const { because } = change;
    if (change.action === "rebuild") {
      toDerivations.set(name, { effect: "rebuild", because, fields: [] });
      toTargets.set(name, { effect: "rebuild", because, fields: [] });
      continue;
    }
    const reaching = found.filter(({ targets }) => targets !== undefined);
    if (reaching.length === 0) continue;
    const effect = reaching.some(({ targets }) => targets === "rebuild") ? "rebuild" : "update";
    const fields = reaching.flatMap((each) => each.fields).filter(({ aspect }) => aspect === "field");
    toTargets.set(name, { effect, because: [name], fields: effect === "rebuild" ? [] : fields });
  }
  for (const name of Object.keys(next.materializations).sort(compareText)) {
    const after = next.materializations[name];
    if (after === undefined) continue;
    const from = [after.collection];
    const was = Object.hasOwn(before.materializations, name) ? before.materializations[name] : undefined;
    if (was === undefined) {
      changes.push(created("materialization", name, from, before, sizes));
      continue;
    }
    const found = [...targetDifferences(was, after)];
    const upstream = toTargets.get(after.collection);
    const change = changed({ kind: "materialization", name, from, found, upstream, next, sizes });
    if (change !== undefined) changes.push(change);
  }
  return diffOf([...changes, ...removals(before, next)]);
}

function created(kind: ChangeKind, name: string, from: readonly string[], base: Plan, sizes: Sizes): Change {
  const old = from.filter((source) => Object.hasOwn(base.collections, source) || sizes.has(source));
  const reason = {
    capture: "It is new, and takes documents from now on, or from its source's beginning.",
    derivation: `It is new, and reads ${from.join(", ")} from the first document on.`,
    materialization: `It is new, and is filled from the first document of ${from.join(", ")} on.`,
  }[kind];
  return {
    ...{ kind, name, action: "create", destructive: false, reason, because: [name], fields: [] },
    replay: old.length === 0 ? null : replayOf(old, sizes),
    caution: null,
    refusedToday: null,
  };
}

interface Changed {
  readonly kind: ChangeKind;
  readonly name: string;
  readonly from: readonly string[];
  /** Of its own definition. */
  readonly found: readonly Difference[];
  readonly upstream: Ripple | undefined;
  readonly next: Plan;
  readonly sizes: Sizes;
}

function changed({ kind, name, from, found, upstream, next, sizes }: Changed): Change | undefined {
  if (found.length === 0 && upstream === undefined) return undefined;
  const rebuilds = found.filter(({ effect }) => effect === "rebuild");
  const rebuild = rebuilds.length > 0 || upstream?.effect === "rebuild";
  const action = rebuild ? "rebuild" : found.some(({ effect }) => effect === "resume") ? "resume" : "update";
  const because = upstream === undefined || rebuilds.length > 0 ? [name] : [...upstream.because, name];
  const reasons = reasonsOf(rebuilds.length > 0 ? rebuilds : found, kind);
  if (upstream !== undefined) reasons.push(rippleReason(kind, from, upstream));
  const refused = found.flatMap((each) => each.refused ?? []);
  const cautions = found.flatMap(({ caution }) => caution ?? []);
  // A derived collection and a target are made again from their source, which gives stored rows their change.
  const remade = rebuild && kind !== "capture";
  const fields = [...found.flatMap((each) => each.fields), ...(rebuild ? [] : (upstream?.fields ?? []))];
  return {
    kind,
    name,
    action,
    destructive: found.some(({ destructive }) => destructive === true),
    reason: reasons.map(sentence).join(" "),
    because,
    fields: remade ? fields.map((field) => ({ ...field, storedRowsGetIt: "yes" as const })) : fields,
    replay: rebuild ? replayFor(kind, name, from, found, next, sizes) : null,
    caution:
      cautions.length > 0 ? cautions.join(" ") : rebuild ? rebuildCaution(kind, name, found, next) : null,
    refusedToday: refusal(refused, upstream),
  };
}

/** Where a transform has changed, that its output has other fields goes without saying. */
function reasonsOf(found: readonly Difference[], kind: ChangeKind): string[] {
  const others = found.filter(({ fields }) => fields.every(({ aspect }) => aspect !== "field"));
  const shown = kind === "derivation" && others.some(({ effect }) => effect === "rebuild") ? others : found;
  return shown.flatMap(({ reason }) => reason.split(". "));
}

function rippleReason(kind: ChangeKind, from: readonly string[], { effect, because }: Ripple): string {
  const cause = because.at(-1) ?? from.join(", ");
  if (effect === "update") return `fields of ${cause} have changed; rows already stored stay as they are`;
  return kind === "materialization"
    ? `it is filled again from ${cause}`
    : `it is computed again from ${cause}`;
}

function refusal(own: readonly string[], upstream: Ripple | undefined): string | null {
  if (own.length > 0) return [...new Set(own)].join("; ");
  return upstream === undefined ? null : `it follows from the change of ${upstream.because[0]}`;
}

function replayFor(
  kind: ChangeKind,
  name: string,
  from: readonly string[],
  found: readonly Difference[],
  next: Plan,
  sizes: Sizes,
): Change["replay"] {
  if (kind !== "capture") return replayOf(from, sizes);
  const source = found.some(({ fields }) => fields.some(({ aspect }) => aspect === "source"));
  // A captured collection with another schema or key is made of its own documents, each checked.
  if (!source) return replayOf([name], sizes);
  return replayOf([], sizes, next.captures[name]?.connector);
}

function rebuildCaution(
  kind: ChangeKind,
  name: string,
  found: readonly Difference[],
  next: Plan,
): string | null {
  if (found.every(({ effect }) => effect !== "rebuild")) return null;
  if (kind === "capture") {
    const source = next.captures[name]?.connector ?? "its source";
    return `A stored document that does not fit stands in the way, and ${source} may still send such documents. Make the change compatible (an optional field, a wider type), or declare the new form under a new name.`;
  }
  return "Give the new definition a new name to build it beside the old one: it reads all of the history, and the old one stays.";
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
