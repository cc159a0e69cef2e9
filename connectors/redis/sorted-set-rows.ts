import { fieldAt } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { HaltError, type KeyValues } from "../driver.ts";
import { RespArguments } from "./resp.ts";
import { pipelined, type RowForm } from "./row-form.ts";
import { STORE_MEMBERS } from "./scripts.ts";
import type { Template } from "./template.ts";

/**
 * A member of a sorted set, with one field of the document as its score. Nothing else of the document is stored, so what
 * `load` gives has the key fields and the score.
 */
export function sortedSetRows(
  collection: CollectionPlan,
  set: Template,
  member: Template,
  scorePath: string,
): RowForm {
  const field = fieldAt(collection.schema, scorePath);
  const isNumber =
    field !== undefined && [...field.types].every((type) => type === "number" || type === "integer");
  if (!isNumber || !field.required) {
    throw new HaltError(`The score "${scorePath}" must be a required number or integer of the schema.`);
  }
  const [sets, values] = [new RespArguments(), new RespArguments()];
  return {
    type: "zset",
    script: STORE_MEMBERS,
    trial: [
      ["2", "1", "a"],
      ["2", "", "a"],
    ],
    pattern: set.pattern,
    owns: set.owns,
    encode: (changes) => {
      // Several rows share a set: each set is one of the script's KEYS, which begin behind the checkpoint, at 2.
      const places = new Map<string, number>();
      sets.clear();
      values.clear();
      for (const change of changes) {
        const key = set.render(change.key);
        let place = places.get(key);
        if (place === undefined) {
          place = places.size + 2;
          places.set(key, place);
          sets.add(key);
        }
        const score = change.op === "remove" ? "" : scoreOf(change.document, scorePath, change.key);
        values.add(String(place));
        values.add(score);
        values.add(member.render(change.key));
      }
      return { keys: sets, values };
    },
    load: async (redis, keys) => {
      const scores = await pipelined<string | null>(
        redis,
        keys.map((key) => ["zscore", set.render(key), member.render(key)]),
      );
      return scores.map((score, i) => {
        if (score === null) return undefined;
        const document: MutableObject = {};
        for (const [at, path] of collection.key.entries()) setAt(document, path, keys[i]?.[at] ?? null);
        setAt(document, scorePath, Number(score));
        return document;
      });
    },
  };
}

type MutableObject = { [name: string]: Json | MutableObject };

function scoreOf(document: JsonObject, path: string, key: KeyValues): string {
  let value: Json | undefined = document;
  for (const name of path.split(".")) {
    // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
    const isObject: boolean = typeof value === "object" && value !== null && !Array.isArray(value);
    value = isObject ? (value as JsonObject)[name] : undefined;
  }
  if (typeof value === "number") return String(value);
  const shown = key.map((each) => JSON.stringify(each)).join(", ");
  throw new HaltError(
    `The document of key ${shown} has no number in "${path}", its score; make it required in the schema.`,
  );
}

function setAt(document: MutableObject, path: string, value: Json): void {
  const names = path.split(".");
  const last = names.pop() ?? path;
  let inside = document;
  for (const name of names) {
    // Two paths may lead through one object, which an earlier call made.
    const next = (inside[name] ?? {}) as MutableObject;
    inside[name] = next;
    inside = next;
  }
  inside[last] = value;
}
