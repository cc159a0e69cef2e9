/** Indexes and constraints of a table that takes another's place: those that are its user's are made on it too. */
import type { Client } from "pg";
import { quote } from "./identifiers.ts";
import { asideName } from "./place.ts";
import { qualified, type TableName } from "./statements.ts";

interface Index {
  readonly name: string;
  readonly primary: boolean;
  readonly unique: boolean;
  /** Of CREATE INDEX, all behind the table's name. */
  readonly on: string;
  /** As `pg_get_constraintdef` prints it, or null for a plain index. */
  readonly constraint: string | null;
}

/** Two indexes that are alike, by name; the newer one gets the former's name. */
export interface Pair {
  readonly former: string;
  readonly newer: string;
}

export interface Alike {
  readonly pairs: readonly Pair[];
  /** What makes the newer table have all that the former has. */
  readonly missing: readonly string[];
}

/** `former` and `newer` are pg_class.oid, `name` and `label` are the newer table's. */
export async function compareIndexes(
  client: Client,
  former: string,
  newer: string,
  { name, label }: { readonly name: TableName; readonly label: string },
): Promise<Alike> {
  const left = [...(await indexesOf(client, newer))];
  const pairs: Pair[] = [];
  const missing: string[] = [];
  for (const index of await indexesOf(client, former)) {
    const at = left.findIndex((each) => (index.primary ? each.primary : isAlike(index, each)));
    const [found] = at < 0 ? [] : left.splice(at, 1);
    if (found !== undefined) pairs.push({ former: index.name, newer: found.name });
    else if (!index.primary) missing.push(create(index, name, label));
  }
  return { pairs, missing: [...missing, ...(await missingConstraints(client, former, newer, name))] };
}

function isAlike(a: Index, b: Index): boolean {
  return !b.primary && a.unique === b.unique && a.on === b.on && a.constraint === b.constraint;
}

/** An index's name is its schema's, so that it has another until the former gives its own up. */
function create({ name, unique, on, constraint }: Index, table: TableName, label: string): string {
  const index = quote(asideName(name, label));
  return constraint === null
    ? `CREATE ${unique ? "UNIQUE " : ""}INDEX ${index} ON ${qualified(table)}${on}`
    : `ALTER TABLE ${qualified(table)} ADD CONSTRAINT ${index} ${constraint}`;
}

async function indexesOf(client: Client, oid: string): Promise<readonly Index[]> {
  const { rows } = await client.query<Index>(
    `SELECT c.relname AS name, i.indisprimary AS primary, i.indisunique AS unique,
  substr(pg_get_indexdef(c.oid), 1 + length(format('CREATE %sINDEX %I ON %I.%I',
    CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, n.nspname, t.relname))) AS on,
  pg_get_constraintdef(k.oid) AS constraint
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
WHERE t.oid = $1::oid AND i.indisvalid ORDER BY c.relname`,
    [oid],
  );
  return rows;
}

/** Checks and foreign keys, whose names are the table's own. */
async function missingConstraints(
  client: Client,
  former: string,
  newer: string,
  name: TableName,
): Promise<readonly string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', $3::text, k.conname, pg_get_constraintdef(k.oid)) AS statement
FROM pg_constraint k WHERE k.conrelid = $1::oid AND k.contype IN ('c', 'f') AND NOT EXISTS (
  SELECT FROM pg_constraint o WHERE o.conrelid = $2::oid AND o.contype = k.contype
    AND pg_get_constraintdef(o.oid) = pg_get_constraintdef(k.oid))
ORDER BY k.conname`,
    [former, newer, qualified(name)],
  );
  return rows.map(({ statement }) => statement);
}
