import { type FieldSchema, fieldsOf } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { HaltError, type KeyValues, type RowChange } from "../driver.ts";
import { RespArguments } from "./resp.ts";
import { type EncodedRows, pipelined, type RowForm } from "./row-form.ts";
import { MAX_HASH_FIELDS, storeHashes } from "./scripts.ts";
import type { Template } from "./template.ts";

/**
 * A hash with a field per field of the document: strings as they are, anything else as JSON. A field that is absent is
 * absent in the hash, and so is the null of a required string. Fields that the schema does not name are not stored.
 */
export function hashRows(collection: CollectionPlan, template: Template): RowForm {
  const fields = [...fieldsOf(collection.schema)].map(([name, field]): HashField => {
    return { name, isInherited: name in Object.prototype, ...textOf(name, field) };
  });
  if (fields.length > MAX_HASH_FIELDS) {
    throw new HaltError(
      `A hash takes up to ${MAX_HASH_FIELDS} fields, and the schema has ${fields.length}; use as: "json".`,
    );
  }
  const names = fields.map(({ name }) => name);
  return {
    type: "hash",
    script: storeHashes(fields.length),
    trial: [
      [...names, "1", "0", ...fields.map(() => "1")],
      // The first field alone; of a single one that would be a whole row.
      [...names, "0", "1", ...(names.length === 1 ? ["0"] : [`1${"0".repeat(names.length - 1)}`, "1"])],
      [...names, "0", "0"],
    ],
    pattern: template.pattern,
    owns: template.owns,
    encode: hashEncoder(fields, template),
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

/** In the order that `storeHashes` asks for. */
function hashEncoder(
  fields: readonly HashField[],
  template: Template,
): (changes: readonly RowChange[]) => EncodedRows {
  const [keys, partialKeys, removedKeys] = [new RespArguments(), new RespArguments(), new RespArguments()];
  const [values, wholeValues, partialValues] = [
    new RespArguments(),
    new RespArguments(),
    new RespArguments(),
  ];
  const texts: (string | undefined)[] = fields.map(() => undefined);
  return (changes) => {
    for (const each of [keys, partialKeys, removedKeys, values, wholeValues, partialValues]) each.clear();
    for (const change of changes) {
      const key = template.render(change.key);
      if (change.op === "remove") {
        removedKeys.add(key);
        continue;
      }
      const { document } = change;
      let isWhole = true;
      for (let i = 0; i < fields.length; i++) {
        const { name, isInherited, encode } = fields[i] as HashField; // i < length
        const value = isInherited && !Object.hasOwn(document, name) ? undefined : document[name];
        const text = value === undefined ? undefined : encode(value, change.key);
        texts[i] = text;
        if (text === undefined) isWhole = false;
      }
      if (isWhole) {
        keys.add(key);
        for (const text of texts) wholeValues.add(text as string); // all are there
      } else {
        partialKeys.add(key);
        partialValues.add(texts.map((text) => (text === undefined ? "0" : "1")).join(""));
        for (const text of texts) if (text !== undefined) partialValues.add(text);
      }
    }
    for (const { name } of fields) values.add(name);
    values.add(String(keys.count));
    values.add(String(partialKeys.count));
    values.append(wholeValues);
    values.append(partialValues);
    keys.append(partialKeys);
    keys.append(removedKeys);
    return { keys, values };
  };
}

interface HashField extends FieldText {
  readonly name: string;
  /** Whether any object has something of this name, which is no field of it: `constructor`, say. */
  readonly isInherited: boolean;
}

interface FieldText {
  /** Undefined where the field is left out of the hash. */
  encode(value: Json, key: KeyValues): string | undefined;
  decode(text: string | undefined): Json | undefined;
}

function textOf(name: string, { types, required }: FieldSchema): FieldText {
  if (!types.has("string")) {
    return {
      // The same text, and sooner.
      encode: (value) => (typeof value === "number" ? String(value) : JSON.stringify(value)),
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
