import { expect, it } from "vitest";
import { z } from "zod";
import { collectionOf } from "../fixtures/target.ts";
import { planColumns } from "./columns.ts";
import { CopyRows } from "./copy-rows.ts";
import { JsonLineReader } from "./json-line.ts";
import { KeyFilter } from "./key-filter.ts";

it("learns another order of fields from documents that have it, however many came before without need", () => {
  const columns = planColumns(collectionOf(z.object({ id: z.string(), n: z.int() }), ["id"]));
  const rows = new CopyRows(columns, new KeyFilter(), 50, JsonLineReader.of(columns));
  const offer = (document: { id: string; n: number }) => {
    const isTaken = rows.takeJson(Buffer.from(`${JSON.stringify(document)}\n`), 0) >= 0;
    return isTaken ? "as its line" : rows.take(document) && "as an object";
  };
  for (let n = 0; n < 50; n++) expect(offer({ id: `spared-${n}`, n })).toBe(false);
  expect(offer({ n: 1, id: "first" })).toBe("as an object");
  expect(offer({ n: 2, id: "second" })).toBe("as its line");
});
