/** Dead letters as a user meets them: a real flow, real processes, kills. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { LetterList, ShownLetter } from "../../runtime/deadletters/desk.ts";
import type { StatusReport } from "../../runtime/status-report.ts";
import type { WeirProcess } from "../servers/weir-process.ts";
import { taskOf } from "../servers/weir-process.ts";
import { post, project } from "./project.ts";

const WITHIN_MS = 60_000;

/** `longest` may grow: a wider schema of a derived collection is applied in place. */
const flow = (longest: number) => `
import { capture } from "weir";
import { http } from "weir/http";
import { z } from "zod";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.int(), note: z.string() }),
  key: ["id"],
});

function refuse(id: number): never {
  throw new RangeError("no order " + id);
}

export const notes = orders.derive("shop/notes", {
  schema: z.object({ id: z.int(), note: z.string().max(${longest}) }),
  key: ["id"],
  onError: "deadLetter",
  transform: ({ id, note }) => (note === "throw" ? refuse(id) : { id, note }),
});
`;

const settled = (status: StatusReport) =>
  taskOf(status, "shop/orders")?.state === "running" && taskOf(status, "shop/notes")?.state === "caught-up";
const lettersIn = (status: StatusReport) =>
  status.deadLetters.find(({ task }) => task === "shop/notes")?.letters ?? 0;

async function listed(weir: WeirProcess): Promise<LetterList> {
  const { stdout, stderr } = await weir.command("deadletters", "list", "shop/notes", "--json");
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

async function notes(weir: WeirProcess): Promise<{ readonly id: number; readonly note: string }[]> {
  const { stdout } = await weir.command("read", "shop/notes");
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

it("what cannot be derived from is set aside once, outlives kills, and is replayed under a schema that has widened", {
  timeout: 400_000,
}, async () => {
  const { weir, origin, write } = await project({ "flows/shop.flow.ts": flow(5) });
  weir.start();
  await weir.until(settled, WITHIN_MS);
  const documents = ["a", "throw", "long note", "b"].map((note, id) => ({ id, note }));
  expect((await post(`${origin}/orders`, documents)).status).toBe(200);
  await weir.until((status) => settled(status) && lettersIn(status) === 2, WITHIN_MS);
  await weir.kill();

  // At rest.
  const { letters, total } = await listed(weir);
  expect(total).toBe(2);
  expect(letters.map(({ id, message }) => [id, message])).toEqual([
    ["p=00:1", 'The transform of "shop/notes" threw RangeError: no order 1'],
    [
      "p=00:2",
      'The transform of "shop/notes" returned a document that breaks its schema: /note must NOT have more than 5 characters',
    ],
  ]);
  expect((await weir.command("status")).stdout).toContain(
    "shop/notes: 2 dead letters (weir deadletters list shop/notes)",
  );
  expect((await weir.command("status")).stdout).not.toContain("_weir");
  const shown = await weir.command("deadletters", "show", "shop/notes", "p=00:1", "--json");
  const letter: ShownLetter = JSON.parse(shown.stdout);
  expect(letter).toMatchObject({
    place: { collection: "shop/orders", partition: "p=00", offset: 1 },
    original: { id: 1, note: "throw" },
  });
  // Both frames are of the flow's own lines.
  expect(
    letter.error.stack.map((line) => /at (\S+) .*(flows\/shop\.flow\.ts:\d+)/.exec(line)?.slice(1)),
  ).toEqual([
    ["refuse", "flows/shop.flow.ts:12"],
    [expect.any(String), "flows/shop.flow.ts:19"],
  ]);

  // The same while it runs; and nothing is set aside a second time.
  weir.start();
  await weir.until(settled, WITHIN_MS);
  expect(await listed(weir)).toEqual({ letters, total });
  expect((await post(`${origin}/orders`, [{ id: 4, note: "c" }])).status).toBe(200);
  await weir.until((status) => settled(status) && taskOf(status, "shop/notes")?.documents === 1, WITHIN_MS);

  const unknown = await weir.command("deadletters", "replay", "shop/notes", "p=00:1", "p=00:9");
  expect(unknown.stderr).toContain('"shop/notes" has no dead letter p=00:9; nothing was changed.');
  expect(unknown.code).toBe(1);
  const neither = await weir.command("deadletters", "drop", "shop/notes");
  expect(neither.stderr).toContain("Name the ids of the letters to drop, or give --all");

  // Under the same flow it fails again, at the same place.
  expect((await weir.command("deadletters", "replay", "shop/notes", "p=00:2")).stderr).toBe(
    "replayed 1 dead letter of shop/notes\n",
  );
  await weir.until((status) => settled(status) && lettersIn(status) === 2, WITHIN_MS);
  expect((await listed(weir)).letters.map(({ id }) => id)).toEqual(["p=00:1", "p=00:2"]);
  expect(await weir.stop()).toBe(0);
  expect(weir.log()).toContain("shop/notes: 2 dead letters (weir deadletters list shop/notes)");

  write("flows/shop.flow.ts", flow(20));
  const replayed = await weir.command("deadletters", "replay", "shop/notes", "--all");
  expect(replayed.stderr).toBe("replayed 2 dead letters of shop/notes: worked on at the next weir run\n");
  expect((await listed(weir)).total).toBe(0);
  weir.start();
  const after = await weir.until((status) => settled(status) && lettersIn(status) === 1, WITHIN_MS);
  const [still] = (await listed(weir)).letters;
  expect(still).toMatchObject({ id: "p=00:1", planHash: after.planHash });
  expect(letters.map(({ planHash }) => planHash)).not.toContain(after.planHash);
  const expected = [
    { id: 0, note: "a" },
    { id: 3, note: "b" },
    { id: 4, note: "c" },
    // It takes its place now.
    { id: 2, note: "long note" },
  ];
  expect(await notes(weir)).toEqual(expected);
  await weir.kill();
  weir.start();
  await weir.until(settled, WITHIN_MS);
  expect(await notes(weir)).toEqual(expected);
  expect((await weir.command("deadletters", "drop", "shop/notes", "--all")).stderr).toBe(
    "dropped 1 dead letter of shop/notes\n",
  );
  expect((await weir.command("deadletters", "list")).stdout).toBe("no dead letters\n");
  expect(await weir.stop()).toBe(0);
});

it("each of many replays happens once, however often the process is killed", {
  timeout: 400_000,
}, async () => {
  const { weir, origin, write } = await project({ "flows/shop.flow.ts": flow(5) });
  weir.start();
  await weir.until(settled, WITHIN_MS);
  const count = 300;
  const documents = Array.from({ length: count }, (_, id) => ({
    id,
    note: id % 3 === 0 ? "short" : "rather long",
  }));
  expect((await post(`${origin}/orders`, documents)).status).toBe(200);
  const poison = documents.filter(({ note }) => note.length > 5).length;
  await weir.until((status) => settled(status) && lettersIn(status) === poison, WITHIN_MS);
  expect(weir.log()).not.toContain("probably the flow that is wrong");
  await weir.stop();
  write("flows/shop.flow.ts", flow(20));
  weir.start();
  for (let round = 0; round < 4; round++) {
    await weir.until((status) => status.tasks.length > 0, WITHIN_MS);
    const { letters } = await listed(weir);
    const some = letters.slice(0, 40).map(({ id }) => id);
    const asked = weir.command("deadletters", "replay", "shop/notes", ...some);
    // The kill comes anywhere: before the command is heard, between its commit and the task's, after both.
    await sleep(150 + 250 * round);
    await weir.kill();
    await asked;
    weir.start();
  }
  await weir.until(settled, WITHIN_MS);
  await weir.command("deadletters", "replay", "shop/notes", "--all");
  const status = await weir.until((now) => settled(now) && lettersIn(now) === 0, WITHIN_MS);
  expect(status.deadLetters).toEqual([]);
  const found = (await notes(weir)).sort((a, b) => a.id - b.id);
  expect(found).toEqual(documents);
  expect(await weir.stop()).toBe(0);
});

const rowFlow = (longest: number) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
export const rows = capture("shop/rows", files({ path: "data/*.ndjson" }), {
  schema: z.object({ id: z.int(), note: z.string().max(${longest}), file: z.string(), row: z.int() }),
  key: ["id"],
  provenance: { file: "file", row: "row" },
  onError: "deadLetter",
});
`;

it("a capture of files sets bad rows aside, and a replay appends those that fit by now", {
  timeout: 300_000,
}, async () => {
  const rows = ['{"id":1,"note":"a"}', '{"id":2,', '{"id":3,"note":"long note"}', '{"id":4,"note":"b"}'];
  const { weir, write } = await project({
    "flows/rows.flow.ts": rowFlow(5),
    "data/a.ndjson": `${rows.join("\n")}\n`,
  });
  const run = await weir.command("run", "--once");
  expect(run.stderr).toContain("shop/rows: 2 dead letters (weir deadletters list shop/rows)");
  expect(run.code).toBe(0);
  const read = async () => {
    const { stdout } = await weir.command("read", "shop/rows");
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  const stored = [
    { id: 1, note: "a", file: "a.ndjson", row: 0 },
    { id: 4, note: "b", file: "a.ndjson", row: 3 },
  ];
  expect(await read()).toEqual(stored);
  const list = await weir.command("deadletters", "list");
  expect(list.stdout).toMatch(/^task +id +place +set aside +plan +error\n/);
  expect(list.stdout).toMatch(/\nshop\/rows +a\.ndjson:1 +a\.ndjson, row 1 \(line 2\) .* malformed JSON: /);
  expect(list.stdout).toMatch(/\nshop\/rows +a\.ndjson:2 .* \/note: must NOT have more than 5 characters\n$/);
  const refused = await weir.command("deadletters", "replay", "shop/rows", "a.ndjson:2");
  expect(refused.stderr).toContain("a.ndjson:2 stays: /note must NOT have more than 5 characters");
  expect(refused.code).toBe(1);

  write("flows/rows.flow.ts", rowFlow(20));
  expect((await weir.command("run", "--once")).code).toBe(0);
  const replayed = await weir.command("deadletters", "replay", "shop/rows", "--all", "--json");
  expect(JSON.parse(replayed.stdout)).toEqual({
    moved: 1,
    refused: [{ id: "a.ndjson:1", message: expect.stringContaining("malformed JSON") }],
  });
  expect(await read()).toEqual([...stored, { id: 3, note: "long note", file: "a.ndjson", row: 2 }]);
  // The cursor has passed it: it is not read again.
  expect((await weir.command("run", "--once")).code).toBe(0);
  expect(await read()).toHaveLength(3);
});

it("dead letters follow their collection under a new name", { timeout: 300_000 }, async () => {
  const note = (id: number, text: string) => `${JSON.stringify({ id, note: text })}\n`;
  const flows = (name: string, longest: number, end: string) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
const rows = capture("shop/rows", files({ path: "data/*.ndjson" }), {
  schema: z.object({ id: z.int(), note: z.string() }),
  key: ["id"],
});
export const notes = rows.derive("${name}", {
  schema: z.object({ id: z.int(), note: z.string().max(${longest}) }),
  key: ["id"],
  onError: "deadLetter",
  transform: (row) => row,
})${end};
`;
  const { weir, write } = await project({
    "flows/rows.flow.ts": flows("shop/notes", 5, ""),
    "data/a.ndjson": note(1, "a") + note(2, "long note") + note(3, "another one"),
  });
  const first = await weir.command("run", "--once");
  expect(first.stderr).toContain("shop/notes: 2 dead letters");
  // One is replayed, and not worked on yet.
  await weir.command("deadletters", "replay", "shop/notes", "p=00:1");
  write("flows/rows.flow.ts", flows("shop/remarks", 20, '.renamedFrom("shop/notes")'));
  const second = await weir.command("run", "--once");
  expect(second.stderr).toContain("shop/remarks: 1 dead letter (weir deadletters list shop/remarks)");
  await weir.command("deadletters", "replay", "shop/remarks", "--all");
  expect((await weir.command("run", "--once")).stderr).not.toContain("dead letter");
  expect((await weir.command("read", "shop/remarks")).stdout).toBe(
    note(1, "a") + note(2, "long note") + note(3, "another one"),
  );
});
