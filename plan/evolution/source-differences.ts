/** What has changed in what a derivation reads, and in the functions that get it. */
import type { BundleReference, DerivationPlan, DerivationSource } from "../plan.ts";
import { type Difference, type FieldChange, otherDifferences, part, sameJson } from "./difference.ts";
import { durationText, whereText } from "./view-text.ts";

/** A source that is read now, and what it was. */
interface Pair {
  readonly before: DerivationSource;
  readonly after: DerivationSource;
}

export function* sourceDifferences(before: DerivationPlan, after: DerivationPlan): Generator<Difference> {
  const pairs = pairsOf(before.sources, after.sources);
  const stateful = before.state !== undefined || after.state !== undefined;
  yield* membershipDifferences(before.sources, after.sources, pairs);
  yield* functionDifferences(pairs);
  for (const pair of pairs) yield* pairDifferences(pair, stateful);
  yield* orderDifferences(before.sources, after.sources, pairs);
}

/** By name; then what is left by collection: such a source has another name. In the order of `after`. */
function pairsOf(before: readonly DerivationSource[], after: readonly DerivationSource[]): readonly Pair[] {
  const found = new Map<DerivationSource, DerivationSource>();
  const taken = new Set<DerivationSource>();
  for (const property of ["name", "collection"] as const) {
    for (const source of after.filter((each) => !found.has(each))) {
      const other = before.find((each) => !taken.has(each) && each[property] === source[property]);
      if (other === undefined) continue;
      found.set(source, other);
      taken.add(other);
    }
  }
  return after.flatMap((source) => {
    const other = found.get(source);
    return other === undefined ? [] : [{ before: other, after: source }];
  });
}

function* membershipDifferences(
  before: readonly DerivationSource[],
  after: readonly DerivationSource[],
  pairs: readonly Pair[],
): Generator<Difference> {
  const isOther = pairs.length === 0;
  for (const source of after.filter((each) => pairs.every((pair) => pair.after !== each))) {
    const says = `it derives from ${source.collection} as well`;
    const fields = [part("source", titled(source, "from"), undefined, source.collection, "yes")];
    const caution = `All documents of ${source.collection} are read, those of before too.`;
    const continued = isOther ? OTHER_SOURCES : ({ effect: "resume", reason: says, caution } as const);
    yield { effect: "rebuild", reason: says, fields, continued };
  }
  for (const source of before.filter((each) => pairs.every((pair) => pair.before !== each))) {
    const says = `it no longer derives from ${source.collection}`;
    const fields = [part("source", titled(source, "from"), source.collection, undefined, "yes")];
    const continued = source.reduced
      ? `it would go on keeping the reduced documents of ${source.collection}, as they are now`
      : isOther
        ? OTHER_SOURCES
        : ({ effect: "resume", reason: says } as const);
    yield { effect: "rebuild", reason: says, fields, continued };
  }
}

const OTHER_SOURCES = "it reads none of its sources on";

/** One for all of the functions: they have all documents computed again together. */
function* functionDifferences(pairs: readonly Pair[]): Generator<Difference> {
  const fields: FieldChange[] = [];
  const names: string[] = [];
  for (const { before, after } of pairs) {
    const of = after.name === undefined ? "" : ` of ${after.name}`;
    if (before.transform.bundle !== after.transform.bundle) {
      names.push(`its transform${of}`);
      fields.push(change(after, "bundle", before.transform, after.transform));
    }
    if (before.removed?.bundle !== after.removed?.bundle) {
      names.push(`what it does with removals${of}`);
      fields.push(change(after, "removed", before.removed, after.removed));
    }
  }
  if (fields.length === 0) return;
  const says = `${names.join(" and ")} ${names.length === 1 ? "has" : "have"} changed`;
  const reason = `${says}, so all of its documents are computed again`;
  yield {
    effect: "rebuild",
    reason,
    fields,
    continued: { effect: "code-only", reason: says },
  };
}

function change(
  source: DerivationSource,
  name: string,
  before: BundleReference | undefined,
  after: BundleReference | undefined,
): FieldChange {
  return part("transform", titled(source, name), shortHash(before), shortHash(after), "yes");
}

function* pairDifferences({ before, after }: Pair, stateful: boolean): Generator<Difference> {
  const { collection } = after;
  if (before.name !== after.name) yield nameDifference(before, after);
  if (before.collection !== collection) {
    yield {
      effect: "rebuild",
      reason: `it derives from ${collection} instead of ${before.collection}`,
      fields: [part("source", titled(after, "from"), before.collection, collection, "yes")],
      continued: `its checkpoint has positions in ${before.collection}`,
    };
  }
  const bounds = (["where", "from", "until"] as const).filter((name) => !sameJson(before[name], after[name]));
  if (bounds.length > 0) {
    const text = (source: DerivationSource, name: "where" | "from" | "until") =>
      name === "where" ? whereText(source) : source[name];
    const says = `it reads another part of ${collection} (${bounds.join(", ")})`;
    yield {
      effect: "rebuild",
      reason: says,
      // `from` alone would be the collection that it reads.
      fields: bounds.map((name) => {
        const path = titled(after, name === "where" ? name : `read.${name}`);
        return part("source", path, text(before, name), text(after, name), "yes");
      }),
      continued: { effect: "resume", reason: says, caution: passedOver(collection, bounds) },
    };
  }
  if (before.reduced !== after.reduced) {
    const says = after.reduced
      ? `it reads ${collection} reduced`
      : `it no longer reads ${collection} reduced, but its documents as they were appended`;
    const fields = [
      part("source", titled(after, "reduced"), before.reduced ?? false, after.reduced ?? false, "yes"),
    ];
    const continued = "the reduced documents that it keeps come of all documents so far";
    yield { effect: "rebuild", reason: says, fields, continued };
  }
  yield* shuffleDifferences(before, after, stateful);
  yield* paceDifferences(before, after);
  yield* otherDifferences(before, after, KNOWN);
}

const KNOWN = new Set([
  ...["name", "collection", "where", "from", "until", "reduced", "by", "priority", "readDelayMs"],
  ...["transform", "removed"],
]);

/** The reader has a position in each partition that it has read, and none of what it passed over there. */
function passedOver(collection: string, bounds: readonly string[]): string {
  const times = `Documents of ${collection} that it has passed over because of their time stay so.`;
  const partitions = `Partitions of ${collection} that it reads for the first time are read from their first document on.`;
  const said = [bounds.includes("where") && partitions, bounds.some((name) => name !== "where") && times];
  return said.filter(Boolean).join(" ");
}

/** A derivation's checkpoint has its positions by the names of its sources. */
function nameDifference(before: DerivationSource, after: DerivationSource): Difference {
  const was = before.name === undefined ? `its source ${before.collection}` : `its source ${before.name}`;
  const is = after.name === undefined ? "has no name any more" : `is named ${after.name}`;
  return {
    effect: "rebuild",
    reason: `${was} ${is}, under which its checkpoint has no position, so all of its documents are computed again`,
    fields: [part("source", `${after.collection} name`, before.name, after.name, "yes")],
    caution: "Keep the source's name in from: it changes nothing of what is derived.",
  };
}

/** Which state a document meets; and of a reduced one, which documents `before` and `after` stand together in. */
function* shuffleDifferences(
  before: DerivationSource,
  after: DerivationSource,
  stateful: boolean,
): Generator<Difference> {
  if (sameJson(before.by, after.by)) return;
  const matters = stateful || before.reduced === true || after.reduced === true;
  const field = (stored: FieldChange["storedRowsGetIt"]) => {
    return part("source", titled(after, "by"), byText(before), byText(after), stored);
  };
  if (!matters) {
    const reason = `another shuffle key of ${after.collection} was chosen, which picks no state here: what was derived stays`;
    yield { effect: "update", reason, fields: [field("not-needed")] };
    return;
  }
  yield {
    effect: "rebuild",
    reason: `the shuffle key of ${after.collection} has changed, so all of its documents are computed again`,
    fields: [field("yes")],
    continued: "the shuffle key picks its state, or which reduced documents meet",
  };
}

/** What decides when a document is read, and not whether. */
function* paceDifferences(before: DerivationSource, after: DerivationSource): Generator<Difference> {
  const fields: FieldChange[] = [];
  const [priority, delay] = [after.priority ?? 0, after.readDelayMs ?? 0];
  const [wasPriority, wasDelay] = [before.priority ?? 0, before.readDelayMs ?? 0];
  if (wasPriority !== priority)
    fields.push(part("source", titled(after, "read.priority"), wasPriority, priority, "no"));
  if (wasDelay !== delay) {
    const path = titled(after, "read.readDelay");
    fields.push(part("source", path, durationText(wasDelay), durationText(delay), "no"));
  }
  if (fields.length === 0) return;
  yield {
    effect: "update",
    reason: `documents of ${after.collection} are read at another time from here on: what was derived stays`,
    fields,
    caution: REREAD,
  };
}

function* orderDifferences(
  before: readonly DerivationSource[],
  after: readonly DerivationSource[],
  pairs: readonly Pair[],
): Generator<Difference> {
  const was = before.flatMap((source) => pairs.find((pair) => pair.before === source)?.after ?? []);
  const is = after.filter((source) => was.includes(source));
  if (was.every((source, index) => source === is[index])) return;
  const text = (sources: readonly DerivationSource[]) =>
    sources.map(({ name, collection }) => name ?? collection).join(", ");
  yield {
    effect: "update",
    reason:
      "its sources stand in another order, which from here on decides between documents of one time: what was derived stays",
    fields: [part("source", "order", text(was), text(is), "no")],
    caution: REREAD,
  };
}

const REREAD = "A rebuild would read all of the history in the new order, and could give other documents.";

/** Named as in the flow, and by the source's own name where it has one. */
function titled({ name }: DerivationSource, path: string): string {
  return name === undefined ? path : path === "from" ? `from.${name}` : `${name}.${path}`;
}

function byText({ by }: DerivationSource): string | undefined {
  return by?.map((each) => (typeof each === "string" ? each : `function ${shortHash(each)}`)).join(", ");
}

function shortHash(reference: BundleReference | undefined): string | undefined {
  return reference?.bundle.slice(0, SHORT_HASH);
}

const SHORT_HASH = 12;
