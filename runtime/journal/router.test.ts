import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasRoom, isWhole } from "../../connectors/buffers.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import { MAX_APPEND_BYTES } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { murmur3, partitionOf } from "./key-hash.ts";
import { isWithin, logicalPath, partitionFilter, partitionPath } from "./logical-partition.ts";
import { JournalRouter } from "./router.ts";

function openHead() {
  const directory = mkdtempSync(join(tmpdir(), "weir-router-"));
  const head = new HeadService(new EmbeddedHead(directory), (error) => {
    throw error;
  });
  onTestFinished(async () => {
    await head.close();
    rmSync(directory, { recursive: true });
  });
  return head;
}

const collection = (more: Partial<CollectionPlan> = {}): CollectionPlan => ({
  schema: {},
  key: ["country", "id"],
  reduce: {},
  ...more,
});
const lineOf = (document: JsonObject) => `${JSON.stringify(document)}\n`;
const linesOf = (documents: readonly JsonObject[]) => Buffer.from(documents.map(lineOf).join(""));

describe("JournalRouter", () => {
  it("sends everything to the one journal, without a look at the documents", async () => {
    const head = openHead();
    const router = await JournalRouter.open(head, "a", collection());
    const [append, ...others] = await router.route([{}, {}], Buffer.from("not\nparsed\n"));
    expect(others).toEqual([]);
    expect(append).toMatchObject({ journal: (await head.journals())[0]?.id, count: 2 });
    expect(await router.route([], Buffer.alloc(0))).toEqual([]);
    await expect(router.route([{}], Buffer.from("1\n2\n"))).rejects.toThrow("1 documents came in 2 lines");
  });

  it("makes a logical partition's journal with its first document", async () => {
    const head = openHead();
    const router = await JournalRouter.open(
      head,
      "a",
      collection({ partitionBy: ["country"], partitions: 4 }),
    );
    expect(await head.journals()).toEqual([]);
    const document = { country: "NL", id: "1" };
    const [append] = await router.route([document], linesOf([document]));
    expect(await head.journals()).toMatchObject([
      { id: append?.journal, collection: "a", logical: "country=NL", partition: partitionOf(["NL", "1"], 4) },
    ]);
  });

  it("keeps each journal's order, puts a key always in one journal, and loses no line", async () => {
    const head = openHead();
    const document = fc.record({
      country: fc.constantFrom("NL", "DE", ""),
      id: fc.integer({ min: 0, max: 20 }),
      n: fc.nat(),
    });
    let name = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(document, { maxLength: 20 }), { maxLength: 4 }),
        fc.constantFrom<Partial<CollectionPlan>>(
          { partitionBy: ["country"] },
          { partitions: 3 },
          { partitionBy: ["country", "id"], partitions: 2 },
        ),
        async (batches, parts) => {
          const definition = collection(parts);
          const router = await JournalRouter.open(head, `c${++name}`, definition);
          const routed = await Promise.all(batches.map((batch) => router.route(batch, linesOf(batch))));
          const states = new Map((await head.journals()).map((state) => [state.id, state]));
          const read = new Map<string, string[]>();
          for (const { journal, count, lines } of routed.flat()) {
            const own = Buffer.from(lines)
              .toString()
              .split(/(?<=\n)/);
            expect(own).toHaveLength(count);
            expect(isWhole(lines) || hasRoom(lines)).toBe(true);
            read.set(journal, [...(read.get(journal) ?? []), ...own]);
          }
          const expected = new Map<string, string[]>();
          for (const each of batches.flat()) {
            const logical = (definition.partitionBy ?? [])
              .map((f) => `${f}=${each[f as "country" | "id"]}`)
              .join("/");
            const partition = partitionOf([each.country, each.id], definition.partitions ?? 1);
            const place = `${logical}|${partition}`;
            expected.set(place, [...(expected.get(place) ?? []), lineOf(each)]);
          }
          const found = [...read].map(
            ([id, own]) => [`${states.get(id)?.logical}|${states.get(id)?.partition}`, own] as const,
          );
          expect(new Map(found)).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("cuts appends to what the head takes", async () => {
    const head = openHead();
    const router = await JournalRouter.open(head, "a", collection({ partitions: 2 }));
    const documents = Array.from({ length: 5 }, () => ({ country: "NL", id: "1", text: "x".repeat(4e6) }));
    const appends = await router.route(documents, linesOf(documents));
    expect(appends.map(({ count }) => count)).toEqual([2, 2, 1]);
    for (const { lines } of appends) expect(lines.byteLength).toBeLessThanOrEqual(MAX_APPEND_BYTES);
  });
});

describe("the key's hash", () => {
  it("is MurmurHash3, x86, 32 bits, seed 0", () => {
    // From the algorithm's published verification values.
    const of = (text: string) => murmur3(Buffer.from(text), Buffer.byteLength(text));
    expect([of(""), of("test"), of("Hello, world!")]).toEqual([0, 0xba6bd213, 0xc0363e43]);
    expect(of("The quick brown fox jumps over the lazy dog")).toBe(0x2e4ff723);
  });

  it("never changes", () => {
    const keys = [["NL", 7], ["1"], [1], [true], ["é\n"], ["x".repeat(2_000)]];
    expect(keys.map((key) => partitionOf(key, 256))).toEqual([48, 201, 224, 237, 11, 233]);
  });

  it("spreads keys that only count", () => {
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 7_000; i++) {
      const partition = partitionOf([`o${i}`], 7);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(850);
  });
});

describe("a logical partition's path", () => {
  const path = (value: string | number | boolean) => logicalPath(["country"], [value]);

  it("is safe in a directory, a bucket and a Hive path", () => {
    expect(path("NL")).toBe("country=NL");
    expect(path("a/b=c%~ é")).toBe("country=a%2Fb%3Dc%25%7E%20%C3%A9");
    expect(path("")).toBe("country=");
    expect(path("..")).toBe("country=..");
    expect(path("\ud800")).toBe("country=%ED%A0%80");
    expect(logicalPath(["shop.id", "open"], [-7, true])).toBe("shop.id=-7/open=true");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (value) => {
        expect(path(value)).toMatch(/^country=[A-Za-z0-9_.%~-]{0,200}$/);
        if (value.length < 40) expect(decodeURIComponent(path(value))).toBe(`country=${value}`);
      }),
    );
  });

  it("differs for different values, also long ones", () => {
    const long = fc.tuple(
      fc.constantFrom("", "é".repeat(60), "x".repeat(300)),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(long, long, (a, b) => {
        expect(path(a.join("")) === path(b.join(""))).toBe(a.join("") === b.join(""));
      }),
    );
    expect(path("x".repeat(300))).toMatch(/^country=x{64}~[0-9a-f]{32}$/);
  });

  it("matches `where` by field and value", () => {
    const matches = partitionFilter({ country: ["NL", "x".repeat(300)], open: [true] });
    const of = (country: string, open: boolean) =>
      logicalPath(["country", "shop", "open"], [country, 1, open]);
    expect([of("NL", true), of("x".repeat(300), true), of("NL", false), of("N", true)].map(matches)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(partitionFilter(undefined)("")).toBe(true);
  });

  it("begins with the folders it is in", () => {
    const journal = { logical: "country=NL/shop=7", partition: 0 };
    expect(partitionPath(journal)).toBe("country=NL/shop=7/p=00");
    const folders = ["", "country=NL", "country=NL/", "country=NL/shop=7/p=00", "country=N", "shop=7"];
    expect(folders.map((folder) => isWithin(journal, folder))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
