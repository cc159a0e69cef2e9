/**
 * What a JSON Schema says about one field: its possible types, its format, and whether it must be there.
 * Understands `type`, `const`, `enum`, `anyOf`, `oneOf`, `allOf` and local `$ref`s; whatever else a schema
 * holds only narrows values within their type and changes nothing here.
 */
import type { Json, JsonObject, JsonSchema } from "./plan.ts";

export type JsonType = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";

export interface FieldSchema {
  /** All types that a value may have. Never holds both `integer` and `number`: a union of them is `number`. */
  readonly types: ReadonlySet<JsonType>;
  /** The `format` that every string of the field has, if there is one. */
  readonly format: string | undefined;
  /** True if no document lacks the field. */
  readonly required: boolean;
}

const ALL_TYPES: readonly JsonType[] = ["null", "boolean", "number", "string", "array", "object"];

/** The top-level fields of a document, by name, in the order of the schema. */
export function fieldsOf(schema: JsonSchema): ReadonlyMap<string, FieldSchema> {
  const branches = objectBranches(schema, schema);
  const names = new Set(branches.flatMap((branch) => [...branch.properties.keys()]));
  return new Map([...names].map((name) => [name, fieldIn(branches, name, schema)]));
}

/** The field at a dotted path, or undefined where no branch of the schema names it. */
export function fieldAt(schema: JsonSchema, path: string): FieldSchema | undefined {
  return fieldFrom(objectBranches(schema, schema), path, schema);
}

/** The fields of the object at a path, by name; `required` is then said of that object, if it is there. */
export function fieldsInside(schema: JsonSchema, path: string): ReadonlyMap<string, FieldSchema> {
  const branches = propertiesAt(schema, path).flatMap((property) => objectBranches(property, schema));
  const names = new Set(branches.flatMap((branch) => [...branch.properties.keys()]));
  return new Map([...names].map((name) => [name, fieldIn(branches, name, schema)]));
}

/** What the elements of the array at a path may be; undefined if the schema says nothing of them. */
export function elementsAt(schema: JsonSchema, path: string): ElementSchema | undefined {
  const items = propertiesAt(schema, path).flatMap((property) => itemsOf(property, schema, 0));
  if (items.length === 0) return undefined;
  const branches = items.flatMap((item) => objectBranches(item, schema));
  return {
    types: unite(items.map((item) => shapeOf(item, schema, 0))).types,
    fieldAt: (inner) => fieldFrom(branches, inner, schema),
  };
}

export interface ElementSchema {
  readonly types: ReadonlySet<JsonType>;
  /** Of elements that are objects. */
  fieldAt(path: string): FieldSchema | undefined;
}

function fieldFrom(from: readonly ObjectBranch[], path: string, root: JsonSchema): FieldSchema | undefined {
  let branches = from;
  const names = path.split(".");
  let required = true;
  for (const [depth, name] of names.entries()) {
    const holders = branches.filter((branch) => branch.properties.has(name));
    if (holders.length === 0) return undefined;
    const field = fieldIn(branches, name, root);
    required &&= field.required;
    if (depth === names.length - 1) return { ...field, required };
    required &&= [...field.types].every((type) => type === "object");
    branches = holders.flatMap((branch) => objectBranches(branch.properties.get(name) ?? {}, root));
  }
  return undefined;
}

/** The schemas of the field at a path, one per branch that names it. */
function propertiesAt(schema: JsonSchema, path: string): readonly JsonSchema[] {
  let holders: readonly JsonSchema[] = [schema];
  for (const name of path.split(".")) {
    const branches = holders.flatMap((holder) => objectBranches(holder, schema));
    holders = branches.map((branch) => branch.properties.get(name)).filter((each) => each !== undefined);
  }
  return holders;
}

function itemsOf(schema: JsonSchema, root: JsonSchema, depth: number): readonly JsonSchema[] {
  if (depth > MAX_DEPTH) return [];
  const target = resolve(schema, root);
  const parts = [...asArray(target.anyOf ?? target.oneOf), ...asArray(target.allOf)];
  return [
    ...(target.items === undefined ? [] : [asObject(target.items)]),
    ...asArray(target.prefixItems).map(asObject),
    ...parts.flatMap((part) => itemsOf(asObject(part), root, depth + 1)),
  ];
}

/** One alternative of an object schema: its properties (each to be met by all of a list, as `allOf`) and required names. */
interface ObjectBranch {
  readonly properties: ReadonlyMap<string, JsonSchema>;
  readonly required: ReadonlySet<string>;
}

function fieldIn(branches: readonly ObjectBranch[], name: string, root: JsonSchema): FieldSchema {
  const shapes = branches.flatMap((branch) => {
    const property = branch.properties.get(name);
    return property === undefined ? [] : [shapeOf(property, root, 0)];
  });
  return { ...unite(shapes), required: branches.every((branch) => branch.required.has(name)) };
}

function objectBranches(schema: JsonSchema, root: JsonSchema, depth = 0): readonly ObjectBranch[] {
  const target = resolve(schema, root);
  const own: ObjectBranch = {
    properties: new Map(Object.entries(asObject(target.properties)).map(([k, v]) => [k, asObject(v)])),
    required: new Set(asArray(target.required).filter((name) => typeof name === "string")),
  };
  if (depth > MAX_DEPTH) return [own];
  const alternatives = asArray(target.anyOf ?? target.oneOf)
    .map(asObject)
    .filter((branch) => shapeOf(branch, root, depth).types.has("object"))
    .flatMap((branch) => objectBranches(branch, root, depth + 1));
  const parts = [
    [own],
    ...asArray(target.allOf).map((part) => objectBranches(asObject(part), root, depth + 1)),
  ];
  if (alternatives.length > 0) parts.push(alternatives);
  return parts.reduce((left, right) => left.flatMap((a) => right.map((b) => join(a, b))));
}

function join(a: ObjectBranch, b: ObjectBranch): ObjectBranch {
  const properties = new Map(a.properties);
  for (const [name, schema] of b.properties) {
    const other = properties.get(name);
    properties.set(name, other === undefined ? schema : { allOf: [other, schema] });
  }
  return { properties, required: new Set([...a.required, ...b.required]) };
}

interface Shape {
  readonly types: ReadonlySet<JsonType>;
  readonly format: string | undefined;
}

/** A schema that refers to itself without end says nothing more after so many steps. */
const MAX_DEPTH = 32;

function shapeOf(schema: JsonSchema, root: JsonSchema, depth: number): Shape {
  const target = resolve(schema, root);
  if (depth > MAX_DEPTH) return { types: new Set(ALL_TYPES), format: undefined };
  const parts: Shape[] = [];
  if (target.type !== undefined) {
    const types = (Array.isArray(target.type) ? asArray(target.type) : [target.type]).filter(isJsonType);
    parts.push({ types: new Set(types), format: undefined });
  }
  const values = target.const !== undefined ? [target.const] : target.enum;
  if (Array.isArray(values)) parts.push({ types: new Set(values.map(typeOf)), format: undefined });
  const alternatives = asArray(target.anyOf ?? target.oneOf);
  if (alternatives.length > 0)
    parts.push(unite(alternatives.map((each) => shapeOf(asObject(each), root, depth + 1))));
  for (const each of asArray(target.allOf)) parts.push(shapeOf(asObject(each), root, depth + 1));
  if (target.properties !== undefined && target.type === undefined && parts.length === 0) {
    parts.push({ types: new Set(["object"]), format: undefined });
  }
  const own = typeof target.format === "string" ? target.format : undefined;
  return {
    types: parts.map((part) => part.types).reduce(intersect, new Set(ALL_TYPES)),
    format: own ?? parts.find((part) => part.format !== undefined)?.format,
  };
}

function unite(shapes: readonly Shape[]): Shape {
  const types = new Set(shapes.flatMap((shape) => [...shape.types]));
  if (types.has("number")) types.delete("integer");
  const texts = shapes.filter((shape) => shape.types.has("string"));
  const format = texts[0]?.format;
  return { types, format: texts.every((shape) => shape.format === format) ? format : undefined };
}

function intersect(a: ReadonlySet<JsonType>, b: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  const both = new Set([...a].filter((type) => b.has(type)));
  if ((a.has("integer") && b.has("number")) || (a.has("number") && b.has("integer"))) both.add("integer");
  return both;
}

/** Follows `$ref`s within the document (`#`, `#/$defs/name`). What stands beside a `$ref` holds as well. */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (typeof schema.$ref !== "string") return schema;
  const { $ref, ...beside } = schema;
  let target: Json | undefined = root;
  for (const step of $ref.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    target = asObject(target)[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  if (!$ref.startsWith("#") || target === schema) return beside;
  return Object.keys(beside).length === 0 ? asObject(target) : { allOf: [asObject(target), beside] };
}

function typeOf(value: Json): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "boolean":
    case "string":
      return typeof value === "string" ? "string" : "boolean";
    case "number":
      return Number.isInteger(value) ? "integer" : "number";
    default:
      return "object";
  }
}

function isJsonType(value: Json | undefined): value is JsonType {
  return value === "integer" || ALL_TYPES.some((type) => type === value);
}

function asObject(value: Json | undefined): JsonObject {
  // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function asArray(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
