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
import { isOwn, ownIf } from "./own-values.ts";
import { setOwn } from "./set-own.ts";

/** Arrays inside are values: the newest wins as a whole. */
export function mergeObjects(older: Json, newer: Json, owned: boolean): JsonObject {
  return mergeFields(asObject(older), asObject(newer), owned);
}

/** Elements stay where their key was first met; those of new keys follow. Elements of one key in one array merge too. */
export function mergeArrays(key: readonly string[]): (older: Json, newer: Json, owned: boolean) => Json[] {
  const reader = compileKey(key);
  const identity = (element: JsonObject) => identityOf(reader, element, key);
  /** Of arrays that were made here and are their owner's alone: where the element of a key is. */
  const places = new WeakMap<object, Map<Scalar, number>>();
  return (older, newer, owned) => {
    const known = owned ? places.get(asArray(older)) : undefined;
    const place = known ?? new Map<Scalar, number>();
    // Made by the branch below, of elements that are objects.
    const elements = known === undefined ? [] : (older as JsonObject[]);
    if (known === undefined) mergeElements(elements, place, asArray(older), identity, owned);
    mergeElements(elements, place, asArray(newer), identity, owned);
    if (owned) places.set(elements, place);
    return elements;
  };
}

function mergeElements(
  elements: JsonObject[],
  places: Map<Scalar, number>,
  more: readonly Json[],
  identityOfElement: (element: JsonObject) => Scalar,
  owned: boolean,
): void {
  for (const element of more) {
    const object = asElement(element);
    const identity = identityOfElement(object);
    const place = places.get(identity);
    const before = place === undefined ? undefined : elements[place];
    if (place === undefined || before === undefined) {
      places.set(identity, elements.length);
      elements.push(object);
    } else {
      elements[place] = mergeFields(before, object, owned);
    }
  }
}

function mergeFields(older: JsonObject, newer: JsonObject, owned: boolean): JsonObject {
  // What was made here may be written to.
  const merged: { [name: string]: Json | undefined } =
    owned && isOwn(older) ? older : ownIf(owned, { ...older });
  for (const [name, after] of Object.entries(newer)) {
    if (after === undefined) continue;
    const before = Object.hasOwn(merged, name) ? merged[name] : undefined;
    setOwn(merged, name, before === undefined ? after : mergeValues(before, after, owned));
  }
  return merged;
}

function mergeValues(older: Json, newer: Json, owned: boolean): Json {
  if (!isObject(older)) return newer;
  return isObject(newer) ? mergeFields(older, newer, owned) : older;
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

export function asObject(value: Json): JsonObject {
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
