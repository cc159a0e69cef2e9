import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Archiver, unrivalled } from "./archive/archiver.ts";
import { EmbeddedHead } from "./head/embedded-head.ts";
import { HeadService } from "./head/head-service.ts";
import { sizesOf } from "./sizes.ts";
import { openStore } from "./store/store.ts";

const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
/** 2024-10-04T00:00:00Z */
const MIDNIGHT = 20_000 * DAY_US;

it("counts documents, bytes and times of all journals: by date in fragments, to the microsecond in the head", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-sizes-"));
  let now = MIDNIGHT;
  const head = new HeadService(new EmbeddedHead(join(directory, "head"), () => now), (error) => {
    throw error;
  });
  const store = await openStore({ directory: join(directory, "store") });
  onTestFinished(async () => {
    await store.close();
    await head.close();
    rmSync(directory, { recursive: true });
  });
  const spec = (collection: string, partition: number) => ({ collection, logical: "", partition });
  const [first, second] = await head.ensureJournals([spec("a", 0), spec("a", 1), spec("b", 0)]);
  await head.ensureJournals([spec("_weir/deadletters/a", 0)]);
  const { fence } = await head.openTask("t");
  const line = '{"id":1}\n';
  const append = async (journal: string | undefined, at: number) => {
    now = at;
    const lines = Uint8Array.from(Buffer.from(line.repeat(2)));
    await head.commit({ task: "t", fence, appends: [{ journal: journal ?? "", count: 2, lines }] });
  };
  await append(second?.id, MIDNIGHT + DAY_US + HOUR_US);
  const inHead = { documents: 2, bytes: 2 * line.length };
  expect(await sizesOf(head)).toEqual({
    a: { ...inHead, times: { from: "2024-10-05T01:00:00.000000Z", to: "2024-10-05T01:00:00.000000Z" } },
    b: { documents: 0, bytes: 0, times: null },
  });
  await append(first?.id, MIDNIGHT + 2 * DAY_US);
  // Both days have ended: everything goes into fragments.
  now = MIDNIGHT + 4 * DAY_US;
  await new Archiver(head, store, unrivalled(1), { targetBytes: 1, tailAfterMs: 1 }, () => now).round();
  await append(first?.id, MIDNIGHT + 4 * DAY_US + 7);
  const records = await Promise.all([first, second].map((each) => head.fragments(each?.id ?? "")));
  const stored = records.flat().reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  expect(records.flat()).toHaveLength(2);
  expect(await sizesOf(head)).toMatchObject({
    a: {
      ...{ documents: 6, bytes: stored + 2 * line.length },
      times: { from: "2024-10-05", to: "2024-10-08T00:00:00.000007Z" },
    },
  });
});
