/**
 * Tables that are declared with Drizzle (https://orm.drizzle.team), known by their shape: nothing of it is imported. In
 * its types a table has its columns by the property's name, and of each its class, name and constraints; at run time
 * they stand under global symbols (`drizzle-orm/table.js`).
 */
import type { Holding } from "./pg-type.ts";

export interface DrizzleTable {
  readonly _: { readonly brand: "Table"; readonly columns: Readonly<Record<string, DrizzleColumn>> };
}

interface DrizzleColumn {
  readonly _: {
    readonly name: string;
    readonly columnType: string;
    readonly notNull: boolean;
    readonly hasDefault: boolean;
    readonly isPrimaryKey: boolean;
  };
}

/** Drizzle's classes of columns, and the type of those that may hold a field. Others (arrays, `real`) lose something. */
interface ClassOf {
  readonly text: "PgText";
  readonly varchar: "PgVarchar";
  readonly date: "PgDate" | "PgDateString";
  readonly timestamptz: "PgTimestamp" | "PgTimestampString";
  readonly uuid: "PgUUID";
  readonly smallint: "PgSmallInt" | "PgSmallSerial";
  readonly integer: "PgInteger" | "PgSerial";
  readonly bigint: "PgBigInt53" | "PgBigInt64" | "PgBigSerial53" | "PgBigSerial64";
  readonly numeric: "PgNumeric" | "PgNumericNumber" | "PgNumericBigInt";
  readonly "double precision": "PgDoublePrecision";
  readonly boolean: "PgBoolean";
  readonly jsonb: "PgJsonb";
}

/**
 * Sentences that say what keeps table `T` from holding the collection; never where nothing does. A primary key of several
 * columns is not in Drizzle's types, nor are lengths, precisions and time zones: the compiler checks them.
 */
export type Misfit<T extends DrizzleTable, D, K extends readonly string[], X extends string> =
  | {
      [P in keyof T["_"]["columns"] & string]: P extends FieldName<D> | K[number]
        ? FieldMisfit<T["_"]["columns"][P]["_"], P, D, K, X>
        : SurplusMisfit<T["_"]["columns"][P]["_"], P, K>;
    }[keyof T["_"]["columns"] & string]
  | MissingKey<Exclude<K[number], keyof T["_"]["columns"]>>;

type Column = DrizzleColumn["_"];

type FieldMisfit<
  C extends Column,
  P extends string,
  D,
  K extends readonly string[],
  X extends string,
> = C["columnType"] extends ClassOf[Holding<D, P, K[number], X>]
  ? NullMisfit<C, P, D> | KeyMisfit<C, P, K>
  : `Column ${C["name"]} is ${C["columnType"]}, which cannot hold the field ${P}; ${Remedy<ClassOf[Holding<D, P, K[number], X>]>}.`;

type Remedy<Class extends string> = "PgText" extends Class
  ? "text() can"
  : "PgBigInt53" extends Class
    ? "bigint() can"
    : "PgDoublePrecision" extends Class
      ? "doublePrecision() can"
      : "PgBoolean" extends Class
        ? "boolean() can"
        : "jsonb() can";

type NullMisfit<C extends Column, P extends string, D> = C["notNull"] extends true
  ? true extends Lacks<D, P, C["columnType"]>
    ? `Column ${C["name"]} is notNull(), but documents may lack the field ${P}.`
    : never
  : never;

/** Whether a document may have no value for the column; JSON's null is a value of jsonb. */
type Lacks<D, P extends string, Class> = D extends unknown
  ? P extends keyof D
    ? undefined extends D[P]
      ? true
      : null extends D[P]
        ? Class extends "PgJsonb"
          ? false
          : true
        : false
    : // A nested path is of the key, whose fields are required.
      P extends `${string}.${string}`
      ? false
      : true
  : never;

type KeyMisfit<C extends Column, P extends string, K extends readonly string[]> = P extends K[number]
  ? K extends readonly [string]
    ? C["isPrimaryKey"] extends true
      ? never
      : `Column ${C["name"]} is not primaryKey(), but ${P} is the collection's key.`
    : never
  : C["isPrimaryKey"] extends true
    ? `Column ${C["name"]} is primaryKey(), but ${P} is not the collection's key.`
    : never;

type SurplusMisfit<
  C extends Column,
  P extends string,
  K extends readonly string[],
> = C["isPrimaryKey"] extends true
  ? KeyMisfit<C, P, K>
  : [C["notNull"], C["hasDefault"]] extends [true, false]
    ? `Column ${C["name"]} must have a value, but the collection has no field ${P}.`
    : never;

type MissingKey<F extends string> = F extends string
  ? `The table has no column for the key field ${F}.`
  : never;

/** Names of a document's own fields; of a union, every member's. */
export type FieldName<D> = D extends unknown
  ? keyof { [F in keyof D as string extends F ? never : number extends F ? never : F]: 0 } & string
  : never;

/** What a target's configuration says of such a table. */
export interface DeclaredTable {
  readonly table: string;
  readonly schema: string | undefined;
  /** By property. */
  readonly columns: Readonly<Record<string, { readonly name: string; readonly type: string }>>;
  /** Names of columns. */
  readonly primaryKey: readonly string[];
}

export function isDrizzleTable(table: unknown): table is DrizzleTable {
  return typeof table === "object" && table !== null && Symbol.for("drizzle:IsDrizzleTable") in table;
}

interface ColumnValue {
  readonly name: string;
  readonly primary: boolean;
  getSQLType(): string;
}

export function readDrizzleTable(table: DrizzleTable): DeclaredTable {
  // What Drizzle's own `getTableConfig` reads: the same symbols in all of its versions since 0.29.
  const read = (what: string): unknown => Reflect.get(table, Symbol.for(`drizzle:${what}`));
  const schema = read("Schema");
  const columns = Object.entries(read("Columns") as Readonly<Record<string, ColumnValue>>);
  return {
    table: String(read("Name")),
    schema: typeof schema === "string" ? schema : undefined,
    columns: Object.fromEntries(
      columns.map(([property, column]) => [
        property,
        { name: column.name, type: pgTypeOf(column.getSQLType()) },
      ]),
    ),
    primaryKey: [
      ...columns.filter(([, column]) => column.primary).map(([, column]) => column.name),
      ...compositeKey(read("ExtraConfigBuilder"), read("ExtraConfigColumns")),
    ],
  };
}

/** Columns of `primaryKey({ columns })` among a table's third argument. */
function compositeKey(builder: unknown, columns: unknown): readonly string[] {
  if (typeof builder !== "function") return [];
  const built: unknown = builder(columns);
  const extras: unknown[] = Array.isArray(built) ? built.flat(1) : Object.values(Object(built));
  for (const extra of extras) {
    const kind: unknown = Reflect.get(Object(Object(extra).constructor), Symbol.for("drizzle:entityKind"));
    const named: unknown = Object(extra).columns;
    if (kind === "PgPrimaryKeyBuilder" && Array.isArray(named)) {
      return named.map((column: ColumnValue) => column.name);
    }
  }
  return [];
}

/** As a target's `columns` name types; what it cannot name stays as Drizzle says it, and fits no field. */
function pgTypeOf(sqlType: string): string {
  switch (sqlType) {
    case "timestamp with time zone":
    case "timestamp (6) with time zone":
      return "timestamptz";
    case "smallserial":
      return "smallint";
    case "serial":
      return "integer";
    case "bigserial":
      return "bigint";
    default:
      return sqlType;
  }
}
