/** Whether a table that stands can hold a collection, and what of its form is to be changed if not. */
import type { JsonType } from "../../plan/field-schema.ts";
import { holders, isTextual, parseType, sqlType } from "./column-type.ts";
import type { Column, TableColumns } from "./columns.ts";
import { quote } from "./identifiers.ts";
import { definition, qualified, type TableName } from "./statements.ts";

/** What a table is made of, as the catalog tells it. */
export interface FoundTable {
  /** pg_class.relkind: `r` an ordinary table, `p` a partitioned one. */
  readonly kind: string;
  readonly columns: readonly FoundColumn[];
  /** Names of the primary key's columns; empty without one. */
  readonly primaryKey: readonly string[];
  /** Whether it had a column that was dropped. */
  readonly lostColumn: boolean;
}

export interface FoundColumn {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly generated: boolean;
  /** False where different texts count as equal. */
  readonly deterministic: boolean;
}

/** Why a table cannot hold the collection. */
export interface Misfit {
  /** A sentence with its remedy. */
  readonly message: string;
  /** The clause of ALTER TABLE that puts it right where the table is empty; undefined where none may. */
  readonly clause: string | undefined;
  /** What puts it right in a table that holds rows, which then are what a fresh fill would give. */
  readonly inPlace?: InPlace | undefined;
}

export interface InPlace {
  /** Of ALTER TABLE. */
  readonly clause: string;
  /** A condition in SQL that a row fulfils for which that cannot be said. */
  readonly unless?: string;
}

/** None if the table can hold the collection. */
export function misfitsOf(name: TableName, columns: TableColumns, found: FoundTable): readonly Misfit[] {
  const table = qualified(name);
  if (found.kind !== "r" && found.kind !== "p")
    return [{ message: `${table} is no table; name another target.`, clause: undefined }];
  const misfits = columns.all.flatMap((column) => {
    const other = found.columns.find((each) => each.name === column.name);
    return other === undefined
      ? [missingColumn(table, column, columns.closed && !found.lostColumn)]
      : columnMisfits(table, column, other);
  });
  for (const other of found.columns) {
    if (columns.all.some((column) => column.name === other.name)) continue;
    if (other.notNull && !other.hasDefault && !other.generated) {
      const clause = `ALTER COLUMN ${quote(other.name)} DROP NOT NULL`;
      const message = `Column "${other.name}" of ${table} must have a value, and no field gives one; run ALTER TABLE ${table} ${clause}.`;
      misfits.push({ message, clause, inPlace: { clause } });
    }
  }
  const wanted = columns.key.map((column) => column.name);
  if (wanted.toSorted().join("\0") !== found.primaryKey.toSorted().join("\0")) {
    const has =
      found.primaryKey.length === 0 ? "no primary key" : `the primary key (${found.primaryKey.join(", ")})`;
    const message = `${table} has ${has}, but the collection's key is (${wanted.join(", ")}); name another table.`;
    misfits.push({ message, clause: undefined });
  }
  return misfits;
}

/** `unknown`: whether no document stored before can have had the field. */
function missingColumn(table: string, column: Column, unknown: boolean): Misfit {
  const clause = `ADD COLUMN ${definition(column)}`;
  const message = `${table} has no column "${column.name}"; run ALTER TABLE ${table} ${clause} while the table is empty, or name another table.`;
  const lacks = unknown && !column.field.required && !column.notNull;
  return { message, clause, inPlace: lacks ? { clause } : undefined };
}

function columnMisfits(table: string, column: Column, found: FoundColumn): readonly Misfit[] {
  const name = quote(column.name);
  const misfits: Misfit[] = [];
  if (!fitsType(column, found.type) || found.generated) {
    const is = found.generated ? "generated" : found.type;
    const other = holders(column).find((type) => sqlType(type) === found.type);
    const keep =
      other === undefined || found.generated
        ? ""
        : `, keep it by columns: { ${JSON.stringify(column.path.join("."))}: { type: "${other}" } }`;
    const message = `Column "${column.name}" of ${table} is ${is}, but the field needs ${column.type}; change the column's type${keep}, or name another table.`;
    // Without USING, Postgres casts only between types that it takes to be alike, though there is nothing to cast.
    const clause = `ALTER COLUMN ${name} TYPE ${column.type} USING NULL`;
    const isFixed = column.inKey || found.generated;
    misfits.push(
      isFixed ? { message, clause: undefined } : { message, clause, inPlace: retyped(column, found) },
    );
  }
  if (found.notNull && !column.notNull) {
    const clause = `ALTER COLUMN ${name} DROP NOT NULL`;
    const message = `Column "${column.name}" of ${table} is NOT NULL, but documents may lack the field; run ALTER TABLE ${table} ${clause}.`;
    misfits.push({ message, clause, inPlace: { clause } });
  }
  if (column.inKey && !found.deterministic) {
    const message = `Key column "${column.name}" of ${table} has a collation in which different texts are equal; give it another.`;
    misfits.push({ message, clause: undefined });
  }
  return misfits;
}

/** A text column holds texts of any length, one with a length those that the schema keeps as short. */
function fitsType(column: Column, found: string): boolean {
  if (found === column.type) return true;
  if (!isTextual(column)) return false;
  const { type, length = Infinity } = parseType(found);
  return (
    found === "text" ||
    found === "character varying" ||
    (type === "varchar" && length >= (column.bounds.maxLength ?? Infinity))
  );
}

/** What gives an empty table that does not fit the form of a new one; undefined where nothing may, or it fits. */
export function alterTable(name: TableName, columns: TableColumns, found: FoundTable): string | undefined {
  const clauses = misfitsOf(name, columns, found).map(({ clause }) => clause);
  if (clauses.length === 0 || !clauses.every((clause) => clause !== undefined)) return undefined;
  for (const column of columns.all) {
    const other = found.columns.find((each) => each.name === column.name);
    if (column.notNull && other?.notNull === false)
      clauses.push(`ALTER COLUMN ${quote(column.name)} SET NOT NULL`);
  }
  return `ALTER TABLE ${qualified(name)} ${clauses.join(", ")}`;
}

/** Another type for values that are there; undefined where what a fresh fill would write cannot be made of them. */
function retyped({ name, type, field, strategy, notNull }: Column, found: FoundColumn): InPlace | undefined {
  const column = quote(name);
  const alter = `ALTER COLUMN ${column} TYPE ${type} USING`;
  // Digits of a text would become a number.
  if (typeof strategy === "object" && "sum" in strategy) return undefined;
  if (type === "double precision") {
    return found.type === "bigint" ? { clause: `${alter} ${column}::${type}` } : undefined;
  }
  const held = HELD.get(parseType(found.type).length === undefined ? found.type : "character varying") ?? [];
  if (type !== "jsonb" || !held.some((each) => field.types.has(each))) return undefined;
  // Beyond these the digits that Postgres prints may be others than JSON's.
  const inexact = held.includes("number")
    ? [`${column} NOT BETWEEN ${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}`]
    : [];
  const value = `to_jsonb(${column})`;
  // A NULL is a missing field where the field is never null, and null where it is never missing.
  if (found.notNull || !field.types.has("null")) return inPlace(`${alter} ${value}`, inexact);
  if (!notNull) return inPlace(`${alter} ${value}`, [...inexact, `${column} IS NULL`]);
  const clause = `${alter} coalesce(${value}, 'null'), ALTER COLUMN ${column} SET NOT NULL`;
  return inPlace(clause, inexact);
}

function inPlace(clause: string, unless: readonly string[]): InPlace {
  return unless.length === 0 ? { clause } : { clause, unless: unless.join(" OR ") };
}

/** The types of JSON whose values such a column holds as JSON would; those of dates and UUIDs have other texts. */
const HELD: ReadonlyMap<string, readonly JsonType[]> = new Map([
  ["text", ["string"]],
  ["character varying", ["string"]],
  ["bigint", ["integer", "number"]],
  ["double precision", ["integer", "number"]],
  ["boolean", ["boolean"]],
]);

/** `unless`: a condition that no row may fulfil. Undefined where not all of it can be put right with the rows kept. */
export function alterInPlace(
  name: TableName,
  misfits: readonly Misfit[],
): { readonly statement: string; readonly unless: string | undefined } | undefined {
  const parts = misfits.map(({ inPlace: each }) => each);
  if (!parts.every((each) => each !== undefined)) return undefined;
  const unless = parts.flatMap((each) => each.unless ?? []);
  return {
    statement: `ALTER TABLE ${qualified(name)} ${parts.map(({ clause }) => clause).join(", ")}`,
    unless: unless.length === 0 ? undefined : unless.join(" OR "),
  };
}
