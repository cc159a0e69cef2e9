/**
 * Deep merges: of objects field by field, the newest value of each; of arrays element by element, where elements of one
 * key are merged as objects.
 *
 * An object is never replaced by anything that is none, null included, and replaces anything that is none, older or
 * newer. Were the newest to win there too, the strategy would not be associative: of `{ a: 1 }`, `null`, `{ b: 2 }` the
 * field `a` would be there or not, depending on which two were combined first.
 */
import { HaltError } from "../../connectors/driver.ts";
import type { Json, JsonObject } from "../../plan/plan.ts";
import type { Scalar } from "./compare.ts";
import { compileKey, type KeyReader } from "./key.ts";

/** Arrays inside are values: the newest wins as a whole. */
export function mergeObjects(older: Json, newer: Json): JsonObject {
  return mergeFields(asObject(older), asObject(newer));
}

/** Elements stay where their key was first met; those of new keys follow. Elements of one key in one array merge too. */
export function mergeArrays(key: readonly string[]): (older: Json, newer: Json) => Json[] {
  const reader = compileKey(key);
  return (older, newer) => {
    const elements: JsonObject[] = [];
    const places = new Map<Scalar, number>();
    for (const element of [...asArray(older), ...asArray(newer)]) {
      const object = asElement(element);
      const identity = identityOf(reader, object, key);
      const place = places.get(identity);
      const before = place === undefined ? undefined : elements[place];
      if (place === undefined || before === undefined) {
        places.set(identity, elements.length);
        elements.push(object);
      } else {
        elements[place] = mergeFields(before, object);
      }
    }
    return elements;
  };
}

function mergeFields(older: JsonObject, newer: JsonObject): JsonObject {
  const entries = new Map(Object.entries(older));
  for (const [name, after] of Object.entries(newer)) {
    const before = entries.get(name);
    if (after !== undefined) entries.set(name, before === undefined ? after : mergeValues(before, after));
  }
  // Unlike an assignment, also right for a field named `__proto__`.
  return Object.fromEntries(entries);
}

function mergeValues(older: Json, newer: Json): Json {
  if (!isObject(older)) return newer;
  return isObject(newer) ? mergeFields(older, newer) : older;
}

function identityOf(reader: KeyReader, element: JsonObject, key: readonly string[]): Scalar {
  try {
    return reader.identity(element);
  } catch {
    throw new HaltError(
      `"merge" found an element without a string, number or boolean in its key (${key.join(", ")}): ${show(element)}`,
    );
  }
}

function asObject(value: Json): JsonObject {
  if (isObject(value)) return value;
  throw new HaltError(`"merge" takes objects, but found ${show(value)}`);
}

function asArray(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw new HaltError(`"merge" with a key takes arrays of objects, but found ${show(value)}`);
}

function asElement(value: Json): JsonObject {
  if (isObject(value)) return value;
  throw new HaltError(`"merge" with a key takes arrays of objects, but found the element ${show(value)}`);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: Json): string {
  return JSON.stringify(value).slice(0, 60);
}
