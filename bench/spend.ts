/** What the benchmarks of length share: small events, and what each customer of them has spent. */
import { withClient } from "../test/servers/postgres.ts";

const NOTE = "n".repeat(40);

/** About a hundred bytes. */
export function eventLine(id: number, customer = (id * 7919) % 10_007): string {
  return `{"id":${id},"customer":"c-${customer}","cents":${(id * 104_729) % 10_000},"note":"${NOTE}"}`;
}

/** The beginning of a flow file: `events`, captured from these files. */
export const captureEvents = (path: string) => `import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

void env;
void pg;
const events = capture("load/events", files({ path: "${path}" }), {
  schema: z.object({ id: z.int(), customer: z.string(), cents: z.int(), note: z.string() }),
  key: ["id"],
});
`;

/** A derivation of this name, of `events` or a part of them, with its target. */
export const spendOf = (events: string, name: string, table = "spend") => `${events}
  .derive("load/${name}", {
    schema: z.object({ customer: z.string(), cents: z.int(), events: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum", events: "sum" },
    transform: ({ customer, cents }) => ({ customer, cents, events: 1 }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "${table}" }));
`;

/** Throws unless so many events are summed up in the table. */
export async function expectSpend(url: string, documents: number): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ sum: string }>("SELECT sum(events) FROM spend");
    if (rows[0]?.sum !== String(documents))
      throw new Error(`Of ${documents} documents ${rows[0]?.sum} are in the table.`);
  });
}
