/** A nested event of about 1 KB, as shops and sensors send them. */

const TEXT = "Left with the neighbour on the second floor; the bell does not work.";

export function eventAt(index: number): object {
  const at = new Date(Date.UTC(2026, 0, 1) + index * 997).toISOString();
  return {
    id: String(index).padStart(10, "0"),
    at,
    kind: index % 3 === 0 ? "order.placed" : "order.changed",
    customer: {
      id: `c-${(index * 7919) % 100_003}`,
      name: "Ada Lovelace",
      address: {
        street: `${index % 500} Example Street`,
        city: "Utrecht",
        postcode: "3511 AB",
        country: "NL",
      },
      tags: ["newsletter", "returning", "north"],
    },
    items: Array.from({ length: 5 }, (_, i) => ({
      sku: `sku-${(index * 31 + i) % 50_021}`,
      title: "Notebook, dotted, 160 pages",
      quantity: 1 + ((index + i) % 4),
      cents: 100 + ((index * 104_729 + i) % 10_000),
    })),
    delivery: { carrier: "bike", express: index % 7 === 0, notes: TEXT },
    total: { cents: (index * 48_271) % 100_000, currency: "EUR" },
  };
}

/** Of a flow file: the schema of such an event. */
export const EVENT_SCHEMA = `z.object({
  id: z.string(),
  at: z.iso.datetime(),
  kind: z.enum(["order.placed", "order.changed"]),
  customer: z.object({
    id: z.string(),
    name: z.string(),
    address: z.object({ street: z.string(), city: z.string(), postcode: z.string(), country: z.string() }),
    tags: z.array(z.string()),
  }),
  items: z.array(z.object({ sku: z.string(), title: z.string(), quantity: z.int(), cents: z.int() })),
  delivery: z.object({ carrier: z.string(), express: z.boolean(), notes: z.string() }),
  total: z.object({ cents: z.int(), currency: z.string() }),
})`;
