import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "./embedded-head.ts";
import { beginOpening } from "./last-opening.ts";

it("has another process read a head whose last opening ended without a word, and tells what that finds", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-opening-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  (await beginOpening(directory)).ended();
  const head = new EmbeddedHead(directory);
  head.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
  await head.close();
  expect(existsSync(join(directory, "opening"))).toBe(false);

  const killed = await beginOpening(directory);
  expect(existsSync(join(directory, "opening"))).toBe(true);
  void killed; // never ended: as after a kill in the middle
  (await beginOpening(directory)).ended();

  await beginOpening(directory);
  const file = join(directory, "head.lmdb");
  const bytes = readFileSync(file);
  bytes.fill(0xff, 2 * 4096);
  writeFileSync(file, bytes);
  await expect(beginOpening(directory)).rejects.toThrow(
    /The head in .* (cannot be opened|is damaged: LMDB itself ends with SIG).*ut the directory back from a backup/,
  );
  expect(existsSync(join(directory, "opening"))).toBe(true);
});
