import { type Target, target } from "../../dsl/connector.ts";
import type { EnvReference } from "../../dsl/env.ts";
import { checkUrl } from "../../dsl/url.ts";

export interface PgOptions {
  /** `postgres://user@host:5432/database`. Where it holds a password: `env("DATABASE_URL")`. */
  readonly url: string | EnvReference;
  /** Created if it is missing, with the collection's key as its primary key. Case counts. */
  readonly table: string;
  /** The Postgres schema that holds the table. Default: the connection's, usually `public`. */
  readonly schema?: string;
}

/**
 * Keeps a PostgreSQL table in step with a collection: one row per key, fully reduced.
 * @throws Error if the table is empty or the URL holds a password.
 */
export function pg(options: PgOptions): Target {
  const { url, table, schema } = options;
  checkUrl("pg", url, ["postgres", "postgresql"]);
  checkIdentifier("table", table);
  if (schema !== undefined) checkIdentifier("schema", schema);
  return target({
    connector: "postgres",
    config: { url, table, schema },
    resource: schema === undefined ? table : `${schema}.${table}`,
    guarantee: {
      delivery: "exactly-once",
      mechanism: "Rows, checkpoint and fence are committed in one database transaction.",
    },
  });
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
