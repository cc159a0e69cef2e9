/**
 * Stored documents keep the fields that their schema has lost. A definition that what is stored was made under remembers them,
 * so that a field which comes back as another one is known not to fit.
 */
import type { JsonSchema } from "../plan.ts";
import { asObject } from "./schema-shape.ts";

/** The later schema, with the fields of the earlier one that it does not have: optional, as they were. */
export function withRetiredFields(earlier: JsonSchema, later: JsonSchema): JsonSchema {
  const [before, after] = [asObject(earlier.properties), asObject(later.properties)];
  const retired = Object.entries(before).filter(([name]) => !Object.hasOwn(after, name));
  const kept = Object.entries(after).map(([name, schema]) => {
    const was = Object.hasOwn(before, name) ? asObject(before[name]) : {};
    const is = asObject(schema);
    const nested = was.properties !== undefined && is.properties !== undefined;
    return [name, nested ? withRetiredFields(was, is) : schema] as const;
  });
  if (kept.length === 0 && retired.length === 0) return later;
  return { ...later, properties: Object.fromEntries([...kept, ...retired]) };
}
