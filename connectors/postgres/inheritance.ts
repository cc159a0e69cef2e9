/** What a table that takes another's place has from it: owner, rights, comments, settings, sequences. */
import type { Client } from "pg";
import { quote } from "./identifiers.ts";
import type { Pair } from "./indexes.ts";
import { qualified, type TableName } from "./statements.ts";

export interface Inheritance {
  /** pg_class.oid of both tables. */
  readonly former: string;
  readonly newer: string;
  /** Of the newer table, as yet. */
  readonly name: TableName;
  readonly pairs: readonly Pair[];
}

/** Gives the newer table all of it, within the transaction. Returns the statements. */
export async function inherit(
  client: Client,
  { former, newer, name, pairs }: Inheritance,
): Promise<readonly string[]> {
  const done: string[] = [];
  const values = [former, newer, qualified(name)];
  // The owner first: rights are told apart by who gave them, which is the owner.
  for (const query of [OWNER, RIGHTS, SETTINGS, COMMENTS, SEQUENCES]) {
    const { rows } = await client.query<{ statement: string }>(query, values);
    for (const { statement } of rows) {
      await client.query(statement);
      done.push(statement);
    }
  }
  const identity = await replicaIdentity(client, former, newer, pairs);
  if (identity !== undefined) {
    const statement = `ALTER TABLE ${qualified(name)} REPLICA IDENTITY ${identity}`;
    await client.query(statement);
    done.push(statement);
  }
  return done;
}

const OWNER = `SELECT format('ALTER TABLE %s OWNER TO %I', $3::text, pg_get_userbyid(f.relowner)) AS statement
FROM pg_class f JOIN pg_class n ON n.oid = $2::oid WHERE f.oid = $1::oid AND f.relowner <> n.relowner`;

/** Of the table and of its columns; first those that the former does not give are taken away. */
const RIGHTS = `WITH given AS (
  SELECT c.oid AS rel, NULL::name AS col, a.grantee, a.privilege_type AS privilege, bool_or(a.is_grantable) AS grantable
  FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
  WHERE c.oid IN ($1::oid, $2::oid) GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT t.attrelid, t.attname, a.grantee, a.privilege_type, bool_or(a.is_grantable)
  FROM pg_attribute t, aclexplode(t.attacl) a
  WHERE t.attrelid IN ($1::oid, $2::oid) AND t.attnum > 0 AND NOT t.attisdropped GROUP BY 1, 2, 3, 4
), told AS (
  SELECT *, privilege || coalesce(' (' || quote_ident(col) || ')', '') AS what,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS who
  FROM given
)
SELECT statement FROM (
  SELECT 1 AS place, format('REVOKE %s ON TABLE %s FROM %s', what, $3::text, who) AS statement
  FROM told n WHERE rel = $2::oid AND NOT EXISTS (SELECT FROM told f
    WHERE f.rel = $1::oid AND f.what = n.what AND f.grantee = n.grantee AND f.grantable = n.grantable)
  UNION ALL
  SELECT 2, format('GRANT %s ON TABLE %s TO %s%s', what, $3::text, who, CASE WHEN grantable THEN ' WITH GRANT OPTION' END)
  FROM told f WHERE rel = $1::oid AND NOT EXISTS (SELECT FROM told n
    WHERE n.rel = $2::oid AND n.what = f.what AND n.grantee = f.grantee AND n.grantable = f.grantable)
  AND (col IS NULL OR EXISTS (SELECT FROM pg_attribute t
    WHERE t.attrelid = $2::oid AND t.attname = col AND NOT t.attisdropped))
) AS changes ORDER BY place, statement`;

/** Storage parameters, as fillfactor and autovacuum's. */
const SETTINGS = `SELECT format('ALTER TABLE %s SET (%s)', $3::text,
  string_agg(format('%s = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')) AS statement
FROM pg_class f, unnest(f.reloptions) AS o WHERE f.oid = $1::oid AND NOT EXISTS (
  SELECT FROM pg_class n WHERE n.oid = $2::oid AND o = ANY (n.reloptions)) HAVING count(*) > 0`;

const COMMENTS = `SELECT statement FROM (
  SELECT 0 AS place, format('COMMENT ON TABLE %s IS %L', $3::text, d) AS statement
  FROM obj_description($1::oid, 'pg_class') AS d WHERE d IS DISTINCT FROM obj_description($2::oid, 'pg_class') AND d IS NOT NULL
  UNION ALL
  SELECT n.attnum, format('COMMENT ON COLUMN %s.%I IS %L', $3::text, f.attname, col_description($1::oid, f.attnum))
  FROM pg_attribute f JOIN pg_attribute n ON n.attrelid = $2::oid AND n.attname = f.attname AND NOT n.attisdropped
  WHERE f.attrelid = $1::oid AND f.attnum > 0 AND col_description($1::oid, f.attnum) IS NOT NULL
    AND col_description($1::oid, f.attnum) IS DISTINCT FROM col_description($2::oid, n.attnum)
) AS comments ORDER BY place`;

/** Of serial columns, which the newer table's defaults name: they would go with the former table. */
const SEQUENCES = `SELECT format('ALTER SEQUENCE %s OWNED BY %s.%I', d.objid::regclass, $3::text, f.attname) AS statement
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute f ON f.attrelid = $1::oid AND f.attnum = d.refobjsubid
JOIN pg_attribute n ON n.attrelid = $2::oid AND n.attname = f.attname AND NOT n.attisdropped
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND d.deptype = 'a'
ORDER BY 1`;

/** What follows REPLICA IDENTITY, or undefined where nothing is to be said. */
async function replicaIdentity(
  client: Client,
  former: string,
  newer: string,
  pairs: readonly Pair[],
): Promise<string | undefined> {
  const { rows } = await client.query<{ kind: string; index: string | null }>(
    `SELECT f.relreplident::text AS kind, (SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = f.oid AND i.indisreplident) AS index
FROM pg_class f JOIN pg_class n ON n.oid = $2::oid
WHERE f.oid = $1::oid AND (f.relreplident <> n.relreplident OR f.relreplident = 'i')`,
    [former, newer],
  );
  const [found] = rows;
  const pair = pairs.find((each) => each.former === found?.index);
  switch (found?.kind) {
    case "f":
      return "FULL";
    case "n":
      return "NOTHING";
    case "i":
      return pair && `USING INDEX ${quote(pair.newer)}`;
    default:
      return undefined;
  }
}
