/** What hangs on a table of the target's by identity, not by name, and so would not follow the rows that take its place. */
import type { Client } from "pg";
import { HaltError } from "../driver.ts";
import { quote } from "./identifiers.ts";
import { qualified, type TableName } from "./statements.ts";

/** Parameter: the table's oid. Views and the like, foreign keys that refer to it, functions that have its row's type. */
const OTHERS = `WITH named (classid, objid) AS (
  SELECT 'pg_class'::regclass, $1::oid
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid FROM pg_class c JOIN pg_type r ON r.oid = c.reltype
  JOIN pg_type t ON t.oid IN (r.oid, r.typarray) WHERE c.oid = $1::oid
)
SELECT DISTINCT coalesce(
  pg_describe_object('pg_class'::regclass, nullif(w.ev_class, $1::oid), 0),
  pg_describe_object(d.classid, d.objid, d.objsubid)
) AS what
FROM pg_depend d JOIN named n ON d.refclassid = n.classid AND d.refobjid = n.objid
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
WHERE d.deptype = 'n' AND f.adrelid IS DISTINCT FROM $1::oid
  AND (k.conrelid IS DISTINCT FROM $1::oid OR k.confrelid = $1::oid)`;

/** What is the table's own, and is not made again on another. */
const OWN = `SELECT pg_describe_object('pg_trigger'::regclass, oid, 0) AS what FROM pg_trigger
WHERE tgrelid = $1::oid AND NOT tgisinternal
UNION ALL
SELECT pg_describe_object('pg_rewrite'::regclass, oid, 0) FROM pg_rewrite WHERE ev_class = $1::oid
UNION ALL
SELECT pg_describe_object('pg_policy'::regclass, oid, 0) FROM pg_policy WHERE polrelid = $1::oid
UNION ALL
SELECT pg_describe_object('pg_publication_rel'::regclass, oid, 0) FROM pg_publication_rel WHERE prrelid = $1::oid
UNION ALL
SELECT pg_describe_object('pg_statistic_ext'::regclass, oid, 0) FROM pg_statistic_ext WHERE stxrelid = $1::oid
UNION ALL
SELECT 'its row-level security' FROM pg_class WHERE oid = $1::oid AND relrowsecurity
UNION ALL
SELECT 'its partitions or children' WHERE EXISTS (SELECT FROM pg_class WHERE oid = $1::oid AND relkind = 'p')
  OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = $1::oid)
UNION ALL
SELECT 'that it is a partition or child of ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = $1::oid`;

/** Throws `HaltError`, naming what would stay with the former rows or be gone with them. */
export async function refuseToSwap(client: Client, name: TableName, oid: string): Promise<void> {
  const found = await describe(client, `${OTHERS} UNION ${OWN}`, oid);
  if (found.length === 0) return;
  throw new HaltError(
    `The table ${qualified(name)} cannot give way to the one that was filled beside it, since these would not follow: ${found.join(", ")}. Drop them, start the task again, and make them again once the tables are swapped.`,
  );
}

/** Throws `HaltError`, naming what would be left without its table. */
export async function refuseToDrop(client: Client, name: TableName, oid: string): Promise<void> {
  const found = await describe(client, OTHERS, oid);
  if (found.length === 0) return;
  throw new HaltError(
    `The table ${qualified(name)} cannot be dropped, since these use it: ${found.join(", ")}. Drop them, or let them use another table.`,
  );
}

async function describe(client: Client, query: string, oid: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ what: string }>(
    `SELECT what FROM (${query}) AS found ORDER BY what`,
    [oid],
  );
  return rows.map(({ what }) => what);
}

interface Table {
  /** pg_class.oid, as text. */
  readonly oid: string;
  readonly name: TableName;
}

export interface Succession {
  readonly former: Table;
  readonly newer: Table;
  /** The columns that the former rows have by their own flow. */
  readonly known: ReadonlySet<string>;
}

/** Throws `HaltError` for columns of the former table that are its user's and that the newer one lacks. */
/**
 * The statements that give the new table the columns that no field fills and that hold nothing: the driver itself leaves such
 * columns where a table was emptied and given another form, and who has made one of his own goes on reading it.
 */
export async function emptyColumns(
  client: Client,
  { former, newer, known }: Succession,
): Promise<readonly string[]> {
  const statements: string[] = [];
  for (const { name, type, plain } of await lostColumns(client, former.oid, newer.oid)) {
    if (known.has(name) || !plain) continue;
    const { rowCount } = await client.query(
      `SELECT FROM ${qualified(former.name)} WHERE ${quote(name)} IS NOT NULL LIMIT 1`,
    );
    if (rowCount === 0)
      statements.push(`ALTER TABLE ${qualified(newer.name)} ADD COLUMN ${quote(name)} ${type}`);
  }
  return statements;
}

interface LostColumn {
  readonly name: string;
  readonly type: string;
  /** Whether it takes NULL, and has no value of its own. */
  readonly plain: boolean;
}

async function lostColumns(client: Client, former: string, newer: string): Promise<readonly LostColumn[]> {
  const { rows } = await client.query<LostColumn>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  NOT (a.attnotnull OR a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '') AS plain
FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
  AND NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = $2::oid AND b.attname = a.attname AND NOT b.attisdropped)
ORDER BY a.attnum`,
    [former, newer],
  );
  return rows;
}

export async function refuseLostColumns(client: Client, { former, newer, known }: Succession): Promise<void> {
  const found = await lostColumns(client, former.oid, newer.oid);
  const lost = found.map(({ name }) => name).filter((name) => !known.has(name));
  const [first] = lost;
  if (first === undefined) return;
  throw new HaltError(
    `The table ${qualified(former.name)} has columns that no field fills and that the one filled beside it lacks: ${lost.join(", ")}. Drop them (ALTER TABLE ${qualified(former.name)} DROP COLUMN ${quote(first)}), or add them to ${qualified(newer.name)} with the values that they are to have; then start the task again.`,
  );
}
