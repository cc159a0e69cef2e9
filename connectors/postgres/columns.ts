/** Which column holds which field of a collection, and as what type. */
import { type FieldSchema, fieldAt, fieldsOf } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject, ReduceStrategy } from "../../plan/plan.ts";
import { HaltError, type ResolvedConfig } from "../driver.ts";
import { type Bounds, boundsOf, type ColumnType, holders, parseType, sqlType } from "./column-type.ts";
import { identifierComplaint } from "./identifiers.ts";

/** Names the op of a change beside the columns of its row. */
export const OP_COLUMN = "weir_op";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Where its value is in a document; of one name, but for a nested key field. Empty where no document holds it. */
  readonly path: readonly string[];
  readonly field: FieldSchema;
  readonly bounds: Bounds;
  /** Whether it is of the primary key. */
  readonly inKey: boolean;
  readonly notNull: boolean;
  readonly strategy: ReduceStrategy | undefined;
}

export interface TableColumns {
  /** All of them: the top-level fields in the schema's order, nested key fields, then, of a log, Weir's own. */
  readonly all: readonly Column[];
  /** Those of the primary key, in the order of the collection's key. */
  readonly key: readonly Column[];
  /** Whether a document has no fields but those that the schema names. */
  readonly closed: boolean;
}

/** What a target's configuration says of the columns. */
export interface ColumnSettings {
  readonly mode: "standard" | "delta";
  /** By field path: `false` leaves a field out. */
  readonly columns: ReadonlyMap<string, false | NamedColumn>;
  /**
   * The primary key's columns of a table that is declared elsewhere: there `columns` has what the table has, and a field
   * that it does not name has no column.
   */
  readonly primaryKey: readonly string[] | undefined;
}

export interface NamedColumn {
  readonly name: string | undefined;
  readonly type: string | undefined;
}

/** A sentence with its remedy, and where in the configuration it points. */
export interface ColumnMisfit {
  readonly at: readonly string[];
  readonly message: string;
}

const DEFAULTS: ColumnSettings = { mode: "standard", columns: new Map(), primaryKey: undefined };

/** The part of a configuration that says what columns there are. */
export function readColumns({ columns, primaryKey }: ResolvedConfig): Omit<ColumnSettings, "mode"> {
  return {
    columns: new Map(
      Object.entries(isObject(columns) ? columns : {}).map(([field, column]) => [field, named(column)]),
    ),
    primaryKey: Array.isArray(primaryKey) ? primaryKey.map(String) : undefined,
  };
}

function named(column: Json | undefined): false | NamedColumn {
  if (!isObject(column)) return false;
  const text = (value: Json | undefined) => (typeof value === "string" ? value : undefined);
  return { name: text(column.name), type: text(column.type) };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws `HaltError` where a table cannot hold the collection. */
export function planColumns(collection: CollectionPlan, settings: ColumnSettings = DEFAULTS): TableColumns {
  const { columns, misfits } = layOut(collection, settings);
  if (misfits.length > 0) throw new HaltError(misfits.map(({ message }) => message).join(" "));
  return columns;
}

export interface ColumnLayout {
  /** To be used only where there are no misfits. */
  readonly columns: TableColumns;
  readonly misfits: readonly ColumnMisfit[];
}

export function layOut(collection: CollectionPlan, settings: ColumnSettings): ColumnLayout {
  const layout = new Layout(collection, settings);
  layout.addFields();
  if (settings.mode === "delta") layout.addOwn();
  layout.checkNames();
  const closed = collection.schema.additionalProperties === false;
  return { columns: { all: layout.all, key: layout.primaryKey(), closed }, misfits: layout.misfits };
}

class Layout {
  readonly all: Column[] = [];
  readonly misfits: ColumnMisfit[] = [];
  readonly #collection: CollectionPlan;
  readonly #settings: ColumnSettings;

  constructor(collection: CollectionPlan, settings: ColumnSettings) {
    this.#collection = collection;
    this.#settings = settings;
  }

  addFields(): void {
    const { schema, key } = this.#collection;
    const { columns, primaryKey } = this.#settings;
    const fields = new Map(fieldsOf(schema));
    for (const path of key) {
      const field = fieldAt(schema, path);
      if (field !== undefined) fields.set(path, field);
      else this.#complain([], `The schema has no field "${path}", which the key names.`);
    }
    for (const [path, field] of fields) this.#addField(path, field);
    if (primaryKey !== undefined) return;
    for (const path of columns.keys()) {
      if (fields.has(path)) continue;
      const what = path.includes(".")
        ? `The nested field "${path}" is not of the key, and has no column of its own; it is in that of "${path.split(".")[0]}".`
        : `The collection has no field "${path}"; columns may name ${[...fields.keys()].join(", ")}.`;
      this.#complain(["columns", path], what);
    }
  }

  #addField(path: string, field: FieldSchema): void {
    const { schema, key, reduce } = this.#collection;
    const { columns, primaryKey, mode } = this.#settings;
    const names = key.includes(path) ? path.split(".") : [path];
    const inKey = key.includes(path);
    const at = ["columns", path];
    const given = columns.get(path);
    if (given === false) {
      if (inKey) this.#complain(at, `The key field "${path}" cannot be left out; give it a column.`);
      return;
    }
    if (given === undefined && primaryKey !== undefined) {
      const remedy = inKey ? "add one" : `add one, or leave the field out: columns: { ${path}: false }`;
      this.#complain(["table"], `The table has no column for the field "${path}"; ${remedy}.`);
      return;
    }
    const strategy = mode === "delta" ? undefined : reduce[path];
    const bounds = names.length === 1 ? boundsOf(schema, path) : {};
    const name = given?.name ?? path.replaceAll(".", "_");
    const type = this.#typeOf(path, { field, inKey, strategy, bounds }, given?.type, at);
    const nullable = field.types.has("null");
    if (strategy === "first" && nullable && !field.required && type !== "jsonb") {
      this.#complain(
        at,
        `Field "${path}" may be null and may be missing, which "first" tells apart and a column does not; make it required or not nullable, or store it as jsonb.`,
      );
    }
    // A JSON null is a value of jsonb; of the other types it is SQL's NULL. A removal has the key alone.
    const always = field.required && (type === "jsonb" || !nullable);
    if (inKey && (type === "jsonb" || !always)) {
      this.#complain(at, `The key field "${path}" must be a required string, integer, number or boolean.`);
    }
    const notNull = always && (mode === "standard" || inKey);
    const isKey = inKey && mode === "standard";
    this.all.push({ name, type, path: names, field, bounds, inKey: isKey, notNull, strategy });
  }

  #typeOf(
    path: string,
    field: Parameters<typeof holders>[0],
    wanted: string | undefined,
    at: readonly string[],
  ): ColumnType {
    const legal = holders(field);
    const [usual = "jsonb"] = legal;
    if (wanted === undefined) return sqlType(usual);
    const { type, length } = parseType(wanted);
    const found = legal.find((each) => each === type);
    if (found === undefined) {
      this.#complain(
        [...at, "type"],
        `A column of type ${wanted} cannot hold the field "${path}" without loss; use ${legal.join(", ")}.`,
      );
    } else if (length !== undefined && length < (field.bounds.maxLength ?? Infinity)) {
      this.#complain(
        [...at, "type"],
        `A column of type ${wanted} cannot hold every text of the field "${path}"; give the schema a maximum length, or use text.`,
      );
    }
    return sqlType(found ?? usual);
  }

  addOwn(): void {
    this.all.push(...OWN_COLUMNS);
  }

  checkNames(): void {
    const seen = new Map<string, Column>();
    for (const column of this.all) {
      const { name, path } = column;
      const field = path.join(".");
      const at = ["columns", field];
      const complaint = identifierComplaint(name, "column");
      if (complaint !== undefined) this.#complain(at, complaint);
      if (name === OP_COLUMN) {
        this.#complain(at, `"${OP_COLUMN}" is a name of Weir's own; give the field "${field}" another.`);
      }
      const other = seen.get(name);
      if (other !== undefined && path.length === 0) {
        const otherField = other.path.join(".");
        this.#complain(
          ["columns", otherField],
          `"${name}" is a name of Weir's own; give the field "${otherField}" another.`,
        );
      } else if (other !== undefined) {
        this.#complain(
          at,
          `The fields "${other.path.join(".")}" and "${field}" would both be the column "${name}"; give one of them another name.`,
        );
      }
      seen.set(name, column);
    }
  }

  primaryKey(): readonly Column[] {
    if (this.#settings.mode === "delta") return this.all.filter(({ inKey }) => inKey);
    const columns = this.#collection.key.flatMap((path) =>
      this.all.filter((column) => column.inKey && column.path.join(".") === path),
    );
    const wanted = columns.map(({ name }) => name);
    const declared = this.#settings.primaryKey;
    if (declared !== undefined && wanted.toSorted().join("\0") !== declared.toSorted().join("\0")) {
      const has = declared.length === 0 ? "no primary key" : `the primary key (${declared.join(", ")})`;
      this.#complain(
        ["table"],
        `The table has ${has}, but the columns of the collection's key are (${wanted.join(", ")}); change one of them.`,
      );
    }
    return columns;
  }

  #complain(at: readonly string[], message: string): void {
    this.misfits.push({ at, message });
  }
}

const own = (name: string, type: ColumnType, inKey: boolean): Column => ({
  name,
  type,
  path: [],
  field: { types: new Set(["string"]), format: undefined, required: true },
  bounds: {},
  inKey,
  notNull: true,
  strategy: undefined,
});

/** Of a log, in the order in which `encodeDelta` gives their values. */
const OWN_COLUMNS: readonly Column[] = [
  own("weir_journal", "text", true),
  own("weir_offset", "bigint", true),
  own("weir_at", "timestamp with time zone", false),
  own("weir_removed", "boolean", false),
];
