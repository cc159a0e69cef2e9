/** What of a target's place there is: a table, a checkpoint, both or neither. */
import type { Client } from "pg";
import type { TargetPlace } from "../driver.ts";
import { readConfig } from "./connection.ts";
import { checkpoints, qualified, type TableName } from "./statements.ts";

export interface Place {
  readonly task: string;
  readonly name: TableName;
}

/** Under the schema that its target has been found to have. */
export function placeOf({ task, config }: TargetPlace, schema: string): Place {
  return { task, name: { schema, table: readConfig(config).table } };
}

export interface PlaceState {
  /** pg_class.oid of the table, as text. */
  readonly table: string | undefined;
  readonly hasCheckpoint: boolean;
}

export async function stateOf(client: Client, { task, name }: Place): Promise<PlaceState> {
  const { rows } = await client.query<{ table: string | null; checkpoints: boolean }>(
    `SELECT to_regclass($1)::oid::text AS "table", to_regclass($2) IS NOT NULL AS checkpoints`,
    [qualified(name), checkpoints(name.schema)],
  );
  const [found] = rows;
  const hasCheckpoint =
    found?.checkpoints === true &&
    (await client.query(`SELECT FROM ${checkpoints(name.schema)} WHERE task = $1`, [task])).rowCount === 1;
  return { table: found?.table ?? undefined, hasCheckpoint };
}
