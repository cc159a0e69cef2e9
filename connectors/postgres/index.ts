import { type Target, target } from "../../dsl/connector.ts";
import type { EnvReference } from "../../dsl/env.ts";
import { checkUrl } from "../../dsl/url.ts";
import {
  type DrizzleTable,
  type FieldName,
  isDrizzleTable,
  type Misfit,
  readDrizzleTable,
} from "./drizzle.ts";
import type { Holding, PgType } from "./pg-type.ts";

/** `D`, `K` and `X` are the collection's document, key and fractional fields; `T` is the table as it was given. */
export interface PgOptions<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
  T extends string | DrizzleTable = string,
> {
  /** `postgres://user@host:5432/database`. Where it holds a password: `env("DATABASE_URL")`. */
  readonly url: string | EnvReference;
  /**
   * Created if it is missing, with the collection's key as its primary key. Case counts. Or a table that is declared
   * with Drizzle: a field goes to the column of the property of its name.
   */
  readonly table: T extends DrizzleTable ? Fitting<T, Misfit<T, D, K, X>> : T;
  /** The Postgres schema that holds the table. Default: the connection's, usually `public`. */
  readonly schema?: T extends DrizzleTable ? never : string;
  /** By field: its column's name and type, or `false` for a field that is not stored. */
  readonly columns?: Columns<D, K, X, T>;
  /** `delta`: a row for each document as it was appended, instead of one per key. */
  readonly mode?: T extends DrizzleTable ? "standard" : "standard" | "delta";
}

type Fitting<T, M> = [M] extends [never] ? T : `${M & string}`;

export interface ColumnOptions<T extends PgType = PgType> {
  /** Default: the field's name. */
  readonly name?: string;
  /** One that holds every value of the field. */
  readonly type?: T;
}

type Columns<D, K extends readonly string[], X extends string, T> = unknown extends D
  ? { readonly [field: string]: false | ColumnOptions }
  : {
      readonly [F in FieldName<D> | Given<K>]?: T extends DrizzleTable
        ? F extends K[number]
          ? never
          : false
        : ColumnOptions<Holding<D, F, Given<K>, X>> | (F extends K[number] ? never : false);
    };

type Given<K extends readonly string[]> = number extends K["length"] ? never : K[number];

/**
 * Keeps a PostgreSQL table in step with a collection: one row per key, fully reduced.
 * @throws Error if a name is empty or too long, or the URL holds a password.
 */
export function pg<D, K extends readonly string[], X extends string, const T extends string | DrizzleTable>(
  options: PgOptions<D, K, X, T>,
): Target<D, K, X> {
  const { url, mode } = options;
  checkUrl("pg", url, ["postgres", "postgresql"]);
  checkMode(mode);
  const layout = layoutOf(options);
  const { table, schema } = layout;
  checkIdentifier("table", table);
  if (schema !== undefined) checkIdentifier("schema", schema);
  return target({
    connector: "postgres",
    config: { url, ...layout },
    resource: schema === undefined ? table : `${schema}.${table}`,
    ...(mode === undefined ? {} : { mode }),
    guarantee: {
      delivery: "exactly-once",
      mechanism: "Rows, checkpoint and fence are committed in one database transaction.",
    },
  });
}

interface Layout {
  readonly table: string;
  readonly schema: string | undefined;
  readonly columns?: { readonly [field: string]: false | { readonly name?: string; readonly type?: string } };
  /** Only of a table that is declared elsewhere. */
  readonly primaryKey?: readonly string[];
}

/** Its conditional types are, in every call that compiles, what `given` says. */
function layoutOf(options: { table: unknown; schema?: unknown; columns?: unknown; mode?: unknown }): Layout {
  const given = options as { table: string; schema?: string; columns?: NonNullable<Layout["columns"]> };
  checkColumns(given.columns);
  if (!isDrizzleTable(options.table)) {
    const { table, schema, columns } = given;
    return { table, schema, ...(columns === undefined ? {} : { columns }) };
  }
  if (options.schema !== undefined || options.mode === "delta") {
    const surplus = options.mode === "delta" ? 'mode: "delta"' : "schema";
    throw new Error(
      `pg: ${surplus} cannot stand beside a Drizzle table, which says it itself. Leave it out.`,
    );
  }
  const declared = readDrizzleTable(options.table);
  return { ...declared, columns: { ...declared.columns, ...given.columns } };
}

function checkColumns(columns: unknown): void {
  if (columns === undefined) return;
  if (typeof columns !== "object" || columns === null) {
    throw new Error('pg: columns is no object. Name fields, as in columns: { cents: { name: "total" } }.');
  }
  for (const [field, column] of Object.entries(columns) as [string, unknown][]) {
    if (column === false) continue;
    if (typeof column !== "object" || column === null) {
      throw new Error(
        `pg: the column of ${field} is not one. Give { name, type }, or false to leave it out.`,
      );
    }
    if ("name" in column && column.name !== undefined) checkIdentifier(`column of ${field}`, column.name);
  }
}

function checkMode(mode: unknown): void {
  if (mode === undefined || mode === "standard" || mode === "delta") return;
  throw new Error(`pg: ${JSON.stringify(mode)} is not a mode. Use "standard" or "delta".`);
}

// PostgreSQL cuts longer identifiers (NAMEDATALEN - 1 bytes), so two tables could become one.
const LONGEST_IDENTIFIER = 63;

function checkIdentifier(option: string, name: unknown): void {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new Error(`pg: the ${option} is empty. Give its name, as in ${option}: "customer_spend".`);
  }
  const bytes = encodeURIComponent(name).replaceAll(/%../g, "_").length;
  if (bytes > LONGEST_IDENTIFIER) {
    throw new Error(
      `pg: the ${option} "${name}" is longer than the 63 bytes that PostgreSQL keeps. Shorten it.`,
    );
  }
}
