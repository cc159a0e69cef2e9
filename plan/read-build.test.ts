import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { canonicalJson, sha256 } from "./canonical.ts";
import { formatChecksums, parseChecksums } from "./checksums.ts";
import { formatParent } from "./parent.ts";
import type { DerivationPlan, Plan } from "./plan.ts";
import { readBuild } from "./read-build.ts";

const HASH = "a".repeat(64);
const CODE = "export default (document) => document;\n";
const collection = { schema: { type: "object" }, key: ["id"], reduce: {} };
const guarantee = { delivery: "exactly-once", mechanism: "one transaction" } as const;
const plan: Plan = {
  formatVersion: 1,
  collections: { a: collection, b: collection },
  captures: { a: { connector: "files", config: { path: "x" }, guarantee } },
  derivations: { b: { sources: [{ collection: "a", transform: { bundle: HASH } }], params: {} } },
  materializations: {},
};

/** What `weir build` writes. */
function built(): string {
  const directory = mkdtempSync(join(tmpdir(), "weir-build-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "bundles"));
  writeFileSync(join(directory, "plan.json"), canonicalJson(plan));
  writeFileSync(join(directory, "bundles", `${HASH}.mjs`), CODE);
  writeFileSync(
    join(directory, "bundles", "SHA256SUMS"),
    formatChecksums(new Map([[`${HASH}.mjs`, sha256(CODE)]])),
  );
  return directory;
}

it("reads a plan, its hash and where its bundles are", async () => {
  const directory = built();
  const build = await readBuild(directory);
  expect(build.plan).toEqual(plan);
  expect(build.planHash).toBe(sha256(canonicalJson(plan)));
  expect([...build.bundles]).toEqual([[HASH, join(directory, "bundles", `${HASH}.mjs`)]]);
});

it("refuses what is not as it was built, and names the file", async () => {
  const edited = built();
  appendFileSync(join(edited, "bundles", `${HASH}.mjs`), "// edited\n");
  await expect(readBuild(edited)).rejects.toThrow(/bundles\/a{64}\.mjs is not as it was built\. Build again/);
  const missing = built();
  rmSync(join(missing, "bundles", `${HASH}.mjs`));
  await expect(readBuild(missing)).rejects.toThrow(/a{64}\.mjs is missing\. Build again\. \(WEIR5003\)$/);
  const empty = built();
  rmSync(join(empty, "plan.json"));
  await expect(readBuild(empty)).rejects.toThrow(
    /There is no plan\.json in .*weir build --out .*\(WEIR5001\)$/,
  );
  const foreign = built();
  writeFileSync(join(foreign, "plan.json"), '{"formatVersion":2}');
  await expect(readBuild(foreign)).rejects.toThrow(/is not a plan of this version of Weir.*\(WEIR5002\)$/);
});

it("needs the bundles of every function of every source", async () => {
  const directory = built();
  const hashes = ["b", "c", "d", "e"].map((letter) => letter.repeat(64));
  const [first = "", second = "", removed = "", by = ""] = hashes;
  const derivation: DerivationPlan = {
    sources: [
      {
        ...{ collection: "a", name: "x", by: ["id", { bundle: by }] },
        ...{ transform: { bundle: first }, removed: { bundle: removed } },
      },
      { collection: "a", name: "y", by: ["id", "n"], transform: { bundle: second } },
    ],
    params: {},
  };
  writeFileSync(join(directory, "plan.json"), canonicalJson({ ...plan, derivations: { b: derivation } }));
  for (const hash of hashes) writeFileSync(join(directory, "bundles", `${hash}.mjs`), CODE);
  const checksums = new Map(hashes.map((hash) => [`${hash}.mjs`, sha256(CODE)]));
  writeFileSync(join(directory, "bundles", "SHA256SUMS"), formatChecksums(checksums));
  expect([...(await readBuild(directory)).bundles.keys()].sort()).toEqual(hashes);
  for (const hash of hashes) {
    rmSync(join(directory, "bundles", `${hash}.mjs`));
    await expect(readBuild(directory)).rejects.toThrow(`${hash}.mjs is missing`);
    writeFileSync(join(directory, "bundles", `${hash}.mjs`), CODE);
  }
});

it("checksums are written as sha256sum reads them, and read back", () => {
  const text = formatChecksums(
    new Map([
      ["b.mjs", "1".repeat(64)],
      ["a b.mjs", "2".repeat(64)],
    ]),
  );
  expect(text).toBe(`${"2".repeat(64)}  a b.mjs\n${"1".repeat(64)}  b.mjs\n`);
  expect(parseChecksums(text).get("a b.mjs")).toBe("2".repeat(64));
});

it("reads which plan a build follows, and refuses what does not say so", async () => {
  const directory = built();
  const parent = (text: string) => writeFileSync(join(directory, "parent.json"), text);
  expect((await readBuild(directory)).parentHash).toBeUndefined();
  for (const hash of [null, HASH]) {
    parent(formatParent(hash));
    expect((await readBuild(directory)).parentHash).toBe(hash);
  }
  for (const text of ["", "null", '{"parentHash":null}', '{"formatVersion":1,"parentHash":"main"}']) {
    parent(text);
    await expect(readBuild(directory)).rejects.toThrow(
      /parent\.json does not say .*Build again.*\(WEIR5002\)$/,
    );
  }
});
