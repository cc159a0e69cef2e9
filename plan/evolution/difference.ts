/**
 * What two definitions of one thing differ in, and what that alone asks for. The diff of two plans and the runtime's
 * start go by the same differences, so that what the diff says of `weir run` is what it does.
 */
import { canonicalJson } from "../canonical.ts";
import type { CollectionPlan, ConnectorPlan, JsonObject } from "../plan.ts";
import { compareSchemas, type FieldDifference } from "./compare-schemas.ts";
import { withoutRetiredFields } from "./retired-fields.ts";
import { SCHEMA_RULES, type StoredRows } from "./schema-rules.ts";

export interface FieldChange {
  /** What of the definition has changed: a field of the schema, or another part of it. */
  readonly aspect:
    | "field"
    | "schema"
    | "key"
    | "reduce"
    | "journals"
    | "source"
    | "transform"
    | "state"
    | "target"
    | "guarantee"
    | "name";
  /** The field's path (`address.city`, `tags[]`), or the name of the part (`key`, `path`, `orders.where`). */
  readonly path: string;
  /** The rule of `schema-rules.ts` that it falls under; null for what is no field of a schema. */
  readonly rule: string | null;
  readonly before: string | null;
  readonly after: string | null;
  readonly storedRowsGetIt: StoredRows;
}

/**
 * `rebuild` of what is stored; `resume` from the checkpoint, with another configuration; `code-only`: from there on by
 * other functions; `update` in place.
 */
export type Effect = "rebuild" | "resume" | "code-only" | "update";

/** What a rebuild is instead, where the flow keeps what was derived. */
export interface Continued {
  readonly effect: "resume" | "code-only";
  /** A clause. */
  readonly reason: string;
  readonly caution?: string;
}

export interface Difference {
  readonly effect: Effect;
  /** A clause: `its key has changed, …`. */
  readonly reason: string;
  readonly fields: readonly FieldChange[];
  readonly caution?: string;
  /** Whether what stands now cannot be made again. */
  readonly destructive?: boolean;
  /** A clause: why the runtime cannot apply it; absent where it does. */
  readonly refused?: string;
  /** Of a rebuilt target, whether it is emptied where it stands, as its flow asks, and not filled beside. */
  readonly inPlace?: true;
  /** What reads the collection and is rebuilt, though it is itself not: all targets, or whatever has its documents reduced. */
  readonly readers?: "targets" | "reduced";
  /** The collection whose change asks for it, where it is not the definition's own. */
  readonly upstream?: string;
  /** Of a derivation's rebuild: what a flow can have instead (`continuation.ts`), or a clause: why it cannot. */
  readonly continued?: Continued | string;
  /** The same where the collection is made again all the same, since what it reads is: nothing can be kept then. */
  readonly whenRebuilt?: Difference;
}

export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a ?? null) === canonicalJson(b ?? null);
}

/** The differences of the schema: one for what is compatible, one for what is not, one where only its text differs. */
export function* schemaDifferences(before: CollectionPlan, after: CollectionPlan): Generator<Difference> {
  const found = compareSchemas(before.schema, after.schema);
  if (found.length === 0) {
    if (sameJson(withoutRetiredFields(before.schema), after.schema)) return;
    const field: FieldChange = {
      ...{ aspect: "schema", path: "schema", rule: null, before: null, after: null },
      storedRowsGetIt: "not-needed",
    };
    const reason =
      "its schema is written differently (descriptions, defaults or order) and allows the same documents";
    yield { effect: "update", reason, fields: [field] };
    return;
  }
  for (const compatible of [false, true]) {
    const part = found.filter(({ rule }) => SCHEMA_RULES[rule].compatible === compatible);
    if (part.length === 0) continue;
    const says = part.map(
      ({ path, rule }) => `${path === "" ? "the document" : `the field ${path}`} ${SCHEMA_RULES[rule].says}`,
    );
    yield {
      effect: compatible ? "update" : "rebuild",
      reason: says.join(". "),
      fields: part.map(fieldChange),
    };
  }
}

export function fieldChange({ path, rule, before, after }: FieldDifference): FieldChange {
  const { stored } = SCHEMA_RULES[rule];
  return { aspect: "field", path: path || "(document)", rule, before, after, storedRowsGetIt: stored };
}

/**
 * Targets hold the reduced document of each key; a captured collection itself holds documents as they were appended. Those of a
 * derived one that had a reduction were combined by it: only the transform can tell what another one makes of them.
 */
export function* reduceDifferences(
  before: CollectionPlan,
  after: CollectionPlan,
  captured: boolean,
): Generator<Difference> {
  const paths = [...new Set([...Object.keys(before.reduce), ...Object.keys(after.reduce)])].sort();
  const fields = paths
    .filter((path) => !sameJson(own(before.reduce, path), own(after.reduce, path)))
    .map((path) => {
      const [was, is] = [before, after].map(({ reduce }) => own(reduce, path));
      return part("reduce", path, was, is, "yes");
    });
  if (fields.length === 0) return;
  const named = fields.map(({ path }) => path).join(", ");
  if (!captured && Object.keys(before.reduce).length > 0) {
    yield {
      effect: "rebuild",
      reason: `the reduction of ${named} has changed: stored documents were combined by the former one, so all of them are computed again`,
      fields,
    };
    return;
  }
  yield {
    effect: "update",
    reason: `the reduction of ${named} has changed: stored documents stay as they are, and whatever holds or reads them reduced is made again`,
    fields,
    readers: "reduced",
  };
}

/** A change of one named part of the definition. */
export function part(
  aspect: FieldChange["aspect"],
  path: string,
  before: unknown,
  after: unknown,
  storedRowsGetIt: StoredRows,
): FieldChange {
  return { aspect, path, rule: null, before: show(before), after: show(after), storedRowsGetIt };
}

/** Options by name that differ, for instance `path`; values of environment variables are named, never shown. */
export function optionChanges(
  aspect: "source" | "target",
  before: JsonObject,
  after: JsonObject,
  storedRowsGetIt: (option: string) => StoredRows,
): readonly FieldChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .filter((name) => !sameJson(before[name], after[name]))
    .map((name) => part(aspect, name, before[name], after[name], storedRowsGetIt(name)));
}

export function* guaranteeDifferences(before: ConnectorPlan, after: ConnectorPlan): Generator<Difference> {
  if (sameJson(before.guarantee, after.guarantee)) return;
  const [old, now] = [before.guarantee, after.guarantee];
  const differing = old.delivery === now.delivery ? "mechanism" : "delivery";
  const [was, is] = [old[differing], now[differing]];
  const fields: FieldChange[] = [
    {
      aspect: "guarantee",
      path: "guarantee",
      rule: null,
      before: was,
      after: is,
      storedRowsGetIt: "not-needed",
    },
  ];
  const weaker = old.delivery === "exactly-once" && now.delivery !== "exactly-once";
  yield {
    effect: "update",
    reason:
      differing === "mechanism"
        ? "its connector words its guarantee differently"
        : `its connector promises ${weaker ? "less" : "more"} than before`,
    fields,
    ...(weaker ? { caution: "Documents may be delivered more than once from here on." } : {}),
  };
}

/** `what` is set aside instead of stopping the task: `a document that it cannot derive from`. Nothing stored changes. */
export function* onErrorDifferences(
  before: { readonly onError?: "deadLetter" },
  after: { readonly onError?: "deadLetter" },
  what: string,
): Generator<Difference> {
  if (before.onError === after.onError) return;
  const [was, is] = [before.onError ?? "halt", after.onError ?? "halt"];
  const fields = [part("source", "onError", was, is, "not-needed")];
  yield is === "deadLetter"
    ? {
        effect: "update",
        reason: `from here on ${what} is set aside, and the task goes on`,
        fields,
        caution:
          "If it has halted on one, that one is set aside too: weir deadletters lists what was, and replays it.",
      }
    : {
        effect: "update",
        reason: `from here on it halts at ${what}`,
        fields,
        caution: "What was set aside before stays so until weir deadletters replays or drops it.",
      };
}

/** A definition's members that this version knows no rule for: another meaning is all that can be said of them. */
export function* otherDifferences(
  before: object,
  after: object,
  known: ReadonlySet<string>,
): Generator<Difference> {
  const [was, is] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  for (const name of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    if (known.has(name) || sameJson(was.get(name), is.get(name))) continue;
    yield {
      effect: "rebuild",
      reason: `its ${name} has changed`,
      fields: [part("source", name, was.get(name), is.get(name), "yes")],
    };
  }
}

export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function show(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === "object" && value !== null && "$env" in value) return `env("${String(value.$env)}")`;
  // A password in a URL is refused when flows are compiled; a plan file may come from anywhere.
  const text = typeof value === "string" ? value : canonicalJson(value);
  return text.replaceAll(/(\/\/[^/\s:@]*:)[^/\s@]+@/g, "$1***@");
}
