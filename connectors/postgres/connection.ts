import { Client } from "pg";
import { HaltError, type ResolvedConfig } from "../driver.ts";
import { type ColumnSettings, readColumns } from "./columns.ts";
import { checkIdentifier } from "./identifiers.ts";
import { type Aside, readAside } from "./place.ts";
import { CHECKPOINTS, type TableName } from "./statements.ts";

export interface PostgresConfig extends Omit<ColumnSettings, "mode"> {
  /** May hold a password: it goes nowhere but into the client. */
  readonly url: string;
  readonly table: string;
  /** Undefined for the connection's own: the first schema of its search path that exists. */
  readonly schema: string | undefined;
  /** Of a table filled or kept beside another; undefined where readers look at it. */
  readonly aside: Aside | undefined;
}

export function readConfig(config: ResolvedConfig): PostgresConfig {
  const { url, table, schema } = config;
  if (typeof url !== "string" || typeof table !== "string") {
    throw new HaltError("A Postgres target needs the strings url and table.");
  }
  if (schema !== undefined && typeof schema !== "string") {
    throw new HaltError("The schema of a Postgres target must be a string.");
  }
  checkIdentifier(table, "table");
  if (schema !== undefined) checkIdentifier(schema, "schema");
  if (table === CHECKPOINTS)
    throw new HaltError(`The table "${CHECKPOINTS}" is Weir's own; choose another name.`);
  return { url, table, schema, aside: readAside(config), ...readColumns(config) };
}

/** What the text of values and the check of the fence depend on, whatever server, database and role set. */
const SETTINGS = `SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET extra_float_digits = 1;
SET standard_conforming_strings = on;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED`;

/** The oldest version that is still supported by its makers. */
const OLDEST = 140_000;

export async function connect(url: string, connectionTimeoutMillis = 10_000): Promise<Client> {
  const client = newClient(url, connectionTimeoutMillis);
  // Without a listener, a connection that ends while idle would end the process; the next statement reports it.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(SETTINGS);
    const { rows } = await client.query<{ version: number; encoding: string }>(
      "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding",
    );
    const { version, encoding } = rows[0] ?? { version: 0, encoding: "unknown" };
    if (version < OLDEST) {
      throw new HaltError(
        `The server is Postgres ${Math.floor(version / 10_000)}; Weir needs ${OLDEST / 10_000} or newer.`,
      );
    }
    if (encoding !== "UTF8") {
      throw new HaltError(
        `The database's encoding is ${encoding}; Weir needs one that was created with UTF8.`,
      );
    }
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

export async function tableName(client: Client, { table, schema }: PostgresConfig): Promise<TableName> {
  if (schema !== undefined) return { schema, table };
  const { rows } = await client.query<{ schema: string | null }>("SELECT current_schema() AS schema");
  const own = rows[0]?.schema;
  if (typeof own === "string") return { schema: own, table };
  throw new HaltError("The connection's search_path names no schema that exists; give the target a schema.");
}

function newClient(connectionString: string, connectionTimeoutMillis: number): Client {
  try {
    return new Client({
      connectionString,
      application_name: "weir",
      keepAlive: true,
      connectionTimeoutMillis,
    });
  } catch {
    // The cause would carry the URL, and with it the password.
    throw new HaltError(
      "The url of the Postgres target is no valid one; it reads postgres://user:password@host:port/database.",
    );
  }
}
