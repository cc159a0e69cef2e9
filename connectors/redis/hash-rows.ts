import { type FieldSchema, fieldsOf } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { HaltError, type KeyValues, type RowChange } from "../driver.ts";
import { pipelined, type RowForm } from "./row-form.ts";
import { MAX_HASH_FIELDS, STORE_HASHES } from "./scripts.ts";
import type { Template } from "./template.ts";

/**
 * A hash with a field per field of the document: strings as they are, anything else as JSON. A field that is absent is
 * absent in the hash, and so is the null of a required string. Fields that the schema does not name are not stored.
 */
export function hashRows(collection: CollectionPlan, template: Template): RowForm {
  const fields = [...fieldsOf(collection.schema)].map(([name, field]) => ({ name, ...textOf(name, field) }));
  if (fields.length > MAX_HASH_FIELDS) {
    throw new HaltError(
      `A hash takes up to ${MAX_HASH_FIELDS} fields, and the schema has ${fields.length}; use as: "json".`,
    );
  }
  return {
    type: "hash",
    script: STORE_HASHES,
    trial: [
      ["2", "1", "a", "1", "b"],
      ["0", "0"],
    ],
    pattern: template.pattern,
    owns: template.owns,
    encode: (changes) => {
      const args: string[] = [];
      for (const change of changes) {
        if (change.op === "remove") {
          args.push("0", "0");
          continue;
        }
        const set: string[] = [];
        const deleted: string[] = [];
        for (const { name, encode } of fields) {
          const value = Object.hasOwn(change.document, name) ? change.document[name] : undefined;
          const text = value === undefined ? undefined : encode(value, change.key);
          if (text === undefined) deleted.push(name);
          else set.push(name, text);
        }
        args.push(String(set.length), String(deleted.length), ...set, ...deleted);
      }
      return { keys: changes.map((change: RowChange) => template.render(change.key)), args };
    },
    load: async (redis, keys) => {
      const hashes = await pipelined<Record<string, string>>(
        redis,
        keys.map((key) => ["hgetall", template.render(key)]),
      );
      return hashes.map((hash) => {
        if (Object.keys(hash).length === 0) return undefined;
        const entries = fields.map(({ name, decode }) => {
          return [name, decode(Object.hasOwn(hash, name) ? hash[name] : undefined)] as const;
        });
        const document: JsonObject = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
        return document;
      });
    },
  };
}

interface FieldText {
  /** Undefined where the field is left out of the hash. */
  encode(value: Json, key: KeyValues): string | undefined;
  decode(text: string | undefined): Json | undefined;
}

function textOf(name: string, { types, required }: FieldSchema): FieldText {
  if (!types.has("string")) {
    return {
      encode: (value) => JSON.stringify(value),
      decode: (text) => (text === undefined ? undefined : JSON.parse(text)),
    };
  }
  const nullable = types.has("null");
  if (types.size > (nullable ? 2 : 1)) {
    throw new HaltError(
      `Field "${name}" may be a string or something else, which the text in a hash does not tell apart; use as: "json".`,
    );
  }
  if (nullable && !required) {
    throw new HaltError(
      `Field "${name}" may be null and may be missing, which a hash does not tell apart for a string; use as: "json".`,
    );
  }
  return {
    encode: (value, key) => {
      if (value === null) return undefined;
      if (typeof value === "string" && value.isWellFormed()) return value;
      throw new HaltError(
        `Field "${name}" of key ${key.map((each) => JSON.stringify(each)).join(", ")} is no Unicode text (half of a surrogate pair is in it); change it in a derivation, or use as: "json".`,
      );
    },
    decode: (text) => (text === undefined && nullable ? null : text),
  };
}
