/**
 * Stored documents keep the fields that their schema has lost. A definition that what is stored was made under remembers them,
 * marked, so that a field which comes back as another one is known not to fit.
 */
import { type FieldSchema, fieldsOf } from "../field-schema.ts";
import type { Json, JsonSchema } from "../plan.ts";
import { asObject } from "./schema-shape.ts";

/** A keyword of the field's schema that JSON Schema does not have. */
const MARK = "weirRetired";

/** The later schema, with the fields of the earlier one that it does not have: optional, as they were, and marked. */
export function withRetiredFields(earlier: JsonSchema, later: JsonSchema): JsonSchema {
  const [before, after] = [asObject(earlier.properties), asObject(later.properties)];
  const retired = Object.entries(before)
    .filter(([name]) => !Object.hasOwn(after, name))
    .map(([name, schema]) => [name, { ...asObject(schema), [MARK]: true }] as const);
  const kept = Object.entries(after).map(([name, schema]) => {
    const was = Object.hasOwn(before, name) ? asObject(before[name]) : {};
    const is = asObject(schema);
    const nested = was.properties !== undefined && is.properties !== undefined;
    return [name, nested ? withRetiredFields(was, is) : schema] as const;
  });
  if (kept.length === 0 && retired.length === 0) return later;
  return { ...later, properties: Object.fromEntries([...kept, ...retired]) };
}

/** What the schema of a field was before it was removed; undefined of one that is there. */
export function retiredSchema(field: Json | undefined): JsonSchema | undefined {
  const { [MARK]: isRetired, ...schema } = asObject(field);
  return isRetired === true ? schema : undefined;
}

/** The schema as it was declared. */
export function withoutRetiredFields(schema: JsonSchema): JsonSchema {
  if (schema.properties === undefined) return schema;
  const live = Object.entries(asObject(schema.properties)).flatMap(([name, field]) => {
    if (retiredSchema(field) !== undefined) return [];
    const own = asObject(field);
    return [[name, own.properties === undefined ? (field ?? null) : withoutRetiredFields(own)] as const];
  });
  return { ...schema, properties: Object.fromEntries(live) };
}

/** The top-level fields that documents have now. */
export function liveFieldsOf(schema: JsonSchema): ReadonlyMap<string, FieldSchema> {
  const properties = asObject(schema.properties);
  return new Map([...fieldsOf(schema)].filter(([name]) => retiredSchema(properties[name]) === undefined));
}
