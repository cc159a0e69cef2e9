/** The differences of two JSON Schemas, field by field, each under its rule. */
import { canonicalJson } from "../canonical.ts";
import type { Json, JsonSchema } from "../plan.ts";
import { meaningOf } from "../schema-meaning.ts";
import { describe } from "./describe-schema.ts";
import { compareBounds, compareFormats, isConstrained, sameRest } from "./keywords.ts";
import { retiredSchema } from "./retired-fields.ts";
import { SCHEMA_RULES, type SchemaRuleName } from "./schema-rules.ts";
import { alternativesOf, asObject, literalsOf, resolveReference, typeOfSchema } from "./schema-shape.ts";

export interface FieldDifference {
  /** Dotted; `tags[]` is what an array holds, `rates.*` what a record does. Empty for the document itself. */
  readonly path: string;
  readonly rule: SchemaRuleName;
  readonly before: string | null;
  readonly after: string | null;
}

interface Side {
  readonly schema: JsonSchema;
  /** What `$ref`s refer to. */
  readonly root: JsonSchema;
}

/** In the order of the paths. Empty where the two allow the same documents as far as it can tell. */
export function compareSchemas(before: JsonSchema, after: JsonSchema): readonly FieldDifference[] {
  const found = [...values("", { schema: before, root: before }, { schema: after, root: after }, new Set())];
  return found.sort((a, b) => order(a.path, b.path) || order(a.rule, b.rule));
}

/** Pairs of schemas that are being compared further out: of schemas that refer to themselves they come again. */
type Trail = ReadonlySet<string>;

function* values(path: string, before: Side, after: Side, outer: Trail): Generator<FieldDifference> {
  if (same(before.schema, after.schema) && same(definitions(before), definitions(after))) return;
  const pair = canonicalJson([before.schema, after.schema]);
  if (outer.has(pair)) return;
  const trail = pair.includes('"$ref"') ? new Set([...outer, pair]) : outer;
  const [b, a] = [resolved(before), resolved(after)];
  const found = (rule: SchemaRuleName) => ({
    path,
    rule,
    before: describe(b.schema),
    after: describe(a.schema),
  });
  const [was, is] = [alternativesOf(b.schema, b.root), alternativesOf(a.schema, a.root)];
  if (was.nullable !== is.nullable) yield found(is.nullable ? "null-allowed" : "null-refused");
  const [oneBefore, oneAfter] = [was.branches[0], is.branches[0]];
  if (was.branches.length === 1 && is.branches.length === 1 && oneBefore && oneAfter) {
    yield* single(path, { schema: oneBefore, root: b.root }, { schema: oneAfter, root: a.root }, trail);
    return;
  }
  const texts = (branches: readonly JsonSchema[]) =>
    new Set(branches.map((each) => canonicalJson(meaningOf(each))));
  const [old, now] = [texts(was.branches), texts(is.branches)];
  const [grown, shrunk] = [[...now].some((each) => !old.has(each)), [...old].some((each) => !now.has(each))];
  if (!grown && !shrunk) {
    if (!same(definitions(b), definitions(a))) yield found("unproved");
  } else if (!shrunk) yield found(is.exclusive ? "unproved" : "type-widened");
  else yield found(grown ? "type-changed" : "type-narrowed");
}

/** Two schemas that are no unions. */
function* single(path: string, before: Side, after: Side, trail: Trail): Generator<FieldDifference> {
  const [b, a] = [before.schema, after.schema];
  const found = (rule: SchemaRuleName) => ({ path, rule, before: describe(b), after: describe(a) });
  const [oldType, newType] = [typeOfSchema(b), typeOfSchema(a)];
  const [oldValues, newValues] = [literalsOf(b), literalsOf(a)];
  if (oldType !== newType) {
    const widened = newType === undefined || (oldType === "integer" && newType === "number");
    const narrowed = oldType === undefined || (oldType === "number" && newType === "integer");
    yield found(widened ? "type-widened" : narrowed ? "type-narrowed" : "type-changed");
    // The bounds of safe integers come and go with the type; what is left of others must still hold.
    if (widened && newType !== undefined && (newValues !== undefined || compareBounds(b, a) === "narrowed")) {
      yield found("bounds-narrowed");
    }
    return;
  }
  if (oldValues !== undefined || newValues !== undefined) {
    if (newValues === undefined && isConstrained(a)) yield found("unproved");
    else yield* literals(oldValues, newValues, found);
    return;
  }
  const bounds = compareBounds(b, a);
  if (bounds !== "same") yield found(bounds === "widened" ? "bounds-widened" : "bounds-narrowed");
  const format = compareFormats(b, a);
  if (format !== "same") yield found(`format-${format}`);
  if (!sameRest(b, a)) yield found("unproved");
  if (newType === "object") yield* fields(path, before, after, trail);
  if (newType === "array") yield* items(path, before, after, trail);
}

function* literals(
  before: ReadonlySet<string> | undefined,
  after: ReadonlySet<string> | undefined,
  found: (rule: SchemaRuleName) => FieldDifference,
): Generator<FieldDifference> {
  const lost = after !== undefined && (before === undefined || [...before].some((each) => !after.has(each)));
  const gained =
    before !== undefined && (after === undefined || [...after].some((each) => !before.has(each)));
  // Values that went are what stored documents may hold, whatever came instead.
  if (lost) yield found("values-removed");
  else if (gained) yield found("values-added");
}

function* fields(path: string, before: Side, after: Side, trail: Trail): Generator<FieldDifference> {
  const [old, now] = [asObject(before.schema.properties), asObject(after.schema.properties)];
  const [oldRequired, newRequired] = [requiredOf(before.schema), requiredOf(after.schema)];
  for (const name of [...new Set([...Object.keys(old), ...Object.keys(now)])].sort(order)) {
    const at = path === "" ? name : `${path}.${name}`;
    const retired = Object.hasOwn(old, name) ? retiredSchema(old[name]) : undefined;
    const isOld = Object.hasOwn(old, name) && retired === undefined;
    const was = isOld ? { schema: asObject(old[name]), root: before.root } : undefined;
    const is = Object.hasOwn(now, name) ? { schema: asObject(now[name]), root: after.root } : undefined;
    const text = (side: Side | undefined, required: boolean) =>
      side === undefined ? null : `${describe(resolved(side).schema)}${required ? "" : ", optional"}`;
    const [wasRequired, isRequired] = [oldRequired.has(name), newRequired.has(name)];
    const found = (rule: SchemaRuleName): FieldDifference => {
      return { path: at, rule, before: text(was, wasRequired), after: text(is, isRequired) };
    };
    if (was === undefined && is === undefined) continue;
    if (was === undefined) {
      // What stored documents may hold under the name.
      const other = before.schema.additionalProperties;
      const allowed = [...(retired ? [retired] : []), ...(other === false ? [] : [asObject(other)])];
      const taken = allowed.flatMap((schema) =>
        is === undefined ? [] : [...values(at, { schema, root: before.root }, is, trail)],
      );
      const fits = taken.every(({ rule }) => SCHEMA_RULES[rule].compatible);
      yield found(isRequired ? "added-required" : fits ? "added-optional" : "added-to-open");
    } else if (is === undefined) yield found("removed");
    else {
      if (wasRequired !== isRequired)
        yield found(isRequired ? "optional-to-required" : "required-to-optional");
      yield* values(at, was, is, trail);
    }
  }
  const [oldOther, newOther] = [before.schema.additionalProperties, after.schema.additionalProperties];
  yield* others(path === "" ? "*" : `${path}.*`, oldOther, newOther, before, after, trail);
}

/** What an object may hold besides its named fields; absence allows anything. */
function* others(
  path: string,
  was: Json | undefined,
  is: Json | undefined,
  before: Side,
  after: Side,
  trail: Trail,
): Generator<FieldDifference> {
  if (was === false || is === false) {
    if (was === is) return;
    const [text, other] = [describe(asObject(was)), describe(asObject(is))];
    if (was === false) yield { path, rule: "opened", before: "nothing else", after: other };
    else yield { path, rule: "closed", before: text, after: "nothing else" };
    return;
  }
  const side = (value: Json | undefined, root: JsonSchema) => ({ schema: asObject(value), root });
  yield* values(path, side(was, before.root), side(is, after.root), trail);
}

function* items(path: string, before: Side, after: Side, trail: Trail): Generator<FieldDifference> {
  const [old, now] = [before.schema, after.schema];
  if (!same(old.prefixItems, now.prefixItems)) {
    yield { path, rule: "unproved", before: describe(old), after: describe(now) };
    return;
  }
  const side = (value: Json | undefined, root: JsonSchema) => ({ schema: asObject(value), root });
  yield* values(`${path}[]`, side(old.items, before.root), side(now.items, after.root), trail);
}

function resolved({ schema, root }: Side): Side {
  return { schema: resolveReference(schema, root), root };
}

/** What a schema's own text does not show: the definitions, where it may refer to one. */
function definitions({ schema, root }: Side): Json {
  const text = canonicalJson(schema);
  return text.includes('"$ref"')
    ? canonicalJson([root.$defs ?? null, text.includes('"#"') ? root : null])
    : null;
}

function requiredOf(schema: JsonSchema): ReadonlySet<Json> {
  return new Set(Array.isArray(schema.required) ? schema.required : []);
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return canonicalJson(meaningOf(a ?? null)) === canonicalJson(meaningOf(b ?? null));
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
