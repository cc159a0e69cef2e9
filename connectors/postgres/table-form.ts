/** Whether a table that stands can hold a collection, and what of its form is to be changed if not. */
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
}

/** None if the table can hold the collection. */
export function misfitsOf(name: TableName, columns: TableColumns, found: FoundTable): readonly Misfit[] {
  const table = qualified(name);
  if (found.kind !== "r" && found.kind !== "p")
    return [{ message: `${table} is no table; name another target.`, clause: undefined }];
  const misfits = columns.all.flatMap((column) => {
    const other = found.columns.find((each) => each.name === column.name);
    return columnMisfits(table, column, other);
  });
  for (const other of found.columns) {
    if (columns.all.some((column) => column.name === other.name)) continue;
    if (other.notNull && !other.hasDefault && !other.generated) {
      const clause = `ALTER COLUMN ${quote(other.name)} DROP NOT NULL`;
      const message = `Column "${other.name}" of ${table} must have a value, and no field gives one; run ALTER TABLE ${table} ${clause}.`;
      misfits.push({ message, clause });
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

function columnMisfits(table: string, column: Column, found: FoundColumn | undefined): readonly Misfit[] {
  const name = quote(column.name);
  if (found === undefined) {
    const clause = `ADD COLUMN ${definition(column)}`;
    const message = `${table} has no column "${column.name}"; run ALTER TABLE ${table} ${clause} while the table is empty, or name another table.`;
    return [{ message, clause }];
  }
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
    misfits.push({ message, clause: column.inKey || found.generated ? undefined : clause });
  }
  if (found.notNull && !column.notNull) {
    const clause = `ALTER COLUMN ${name} DROP NOT NULL`;
    const message = `Column "${column.name}" of ${table} is NOT NULL, but documents may lack the field; run ALTER TABLE ${table} ${clause}.`;
    misfits.push({ message, clause });
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
