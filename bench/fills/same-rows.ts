import { withClient } from "../../test/servers/postgres.ts";

/** Throws unless these tables have the same rows, so many of them: all sides must have done the work. */
export async function expectSame(
  url: string,
  count: number,
  columns: readonly string[],
  tables: readonly string[],
): Promise<void> {
  const [first = "", ...others] = tables;
  const list = columns.join(", ");
  const extent = `SELECT count(*)::int AS count FROM`;
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(`${extent} ${first}`);
    if (rows[0]?.count !== count) throw new Error(`"${first}" has ${rows[0]?.count} rows, not ${count}.`);
    for (const other of others) {
      for (const [a, b] of [
        [first, other],
        [other, first],
      ]) {
        const { rows } = await client.query<{ count: number }>(
          `${extent} (SELECT ${list} FROM ${a} EXCEPT SELECT ${list} FROM ${b}) AS missing`,
        );
        if (rows[0]?.count !== 0) throw new Error(`"${b}" lacks ${rows[0]?.count} rows that "${a}" has.`);
      }
    }
  });
}
