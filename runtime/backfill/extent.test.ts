import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Archiver, unrivalled } from "../archive/archiver.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import { HeadService } from "../head/head-service.ts";
import { formatTime } from "../store/fragment-time.ts";
import { openStore } from "../store/store.ts";
import { extentOf } from "./extent.ts";
import { offsetAt } from "./offset-at.ts";

const MINUTE_US = 60_000_000;
const NOON = 20_000 * 1440 * MINUTE_US + 720 * MINUTE_US;

it("a time leads to its first document, and an extent counts what is read, over fragments and head and midnight", async () => {
  const commit = fc.record({
    documents: fc.integer({ min: 1, max: 4 }),
    minutes: fc.nat(300),
    archive: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(commit, { maxLength: 12 }),
      fc.nat(2_000),
      fc.nat(40),
      async (commits, minutes, start) => {
        const directory = mkdtempSync(join(tmpdir(), "weir-extent-"));
        let now = NOON;
        const head = new HeadService(new EmbeddedHead(join(directory, "head"), () => now), (error) => {
          throw error;
        });
        const store = await openStore({ directory: join(directory, "store") });
        const archiver = new Archiver(
          head,
          store,
          unrivalled(1),
          { targetBytes: 60, tailAfterMs: 1e9 },
          () => now,
        );
        try {
          const [made] = await head.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
          const { fence } = await head.openTask("a");
          const times: number[] = [];
          for (const { documents, minutes: later, archive } of commits) {
            now += later * MINUTE_US;
            const lines = Uint8Array.from(Buffer.from('{"text":"some text"}\n'.repeat(documents)));
            const appends = [{ journal: made?.id ?? "", count: documents, lines }];
            const { at } = await head.commit({ task: "a", fence, appends });
            times.push(...Array.from({ length: documents }, () => at));
            if (archive) await archiver.round();
          }
          const [journal] = await head.journals();
          if (!journal) throw new Error("no journal");
          const time = NOON + minutes * MINUTE_US;
          const found = times.findIndex((at) => at >= time);
          expect(await offsetAt(head, store, journal, time)).toBe(found < 0 ? times.length : found);

          const from = Math.min(start, times.length);
          const extent = await extentOf(head, store, [journal], { [journal.id]: from });
          const fragments = (await head.fragments(journal.id)).filter(
            ({ kind, last }) => kind === "full" && last >= from,
          );
          expect(extent.documents).toBe(times.length - from);
          expect(extent.fragments).toBe(fragments.length);
          expect(extent.storedBytes).toBe(fragments.reduce((sum, { storedBytes }) => sum + storedBytes, 0));
          // All lines have one length, so that the proportion is exact.
          expect(extent.headBytes).toBe(
            21 * (times.length - Math.max(from, Math.min(journal.archived, times.length))),
          );
          const [first, last] = [times[from], times.at(-1)];
          expect(extent.time).toEqual(
            first === undefined || last === undefined
              ? null
              : { first: formatTime(first), last: formatTime(last) },
          );
        } finally {
          await head.close();
          await store.close();
          rmSync(directory, { recursive: true });
        }
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);
