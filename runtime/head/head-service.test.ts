import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { diskReserve } from "./disk-reserve.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import { HeadService } from "./head-service.ts";

async function world(reserve: (directory: string) => () => Error | undefined = () => () => undefined) {
  const directory = mkdtempSync(join(tmpdir(), "weir-service-"));
  const embedded = new EmbeddedHead(directory);
  const groups: number[] = [];
  const commit = embedded.commit.bind(embedded);
  embedded.commit = (transactions) => {
    groups.push(transactions.length);
    return commit(transactions);
  };
  const fail = (error: Error) => {
    throw error;
  };
  const head = new HeadService(embedded, fail, reserve(directory));
  onTestFinished(async () => {
    await head.close();
    rmSync(directory, { recursive: true });
  });
  const [journal] = await head.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
  const id = journal?.id ?? "";
  const { fence } = await head.openTask("t");
  const append = (n: number) =>
    head.commit({
      task: "t",
      fence,
      appends: [{ journal: id, count: 1, lines: Buffer.from(`{"n":${n}}\n`) }],
    });
  return { head, id, fence, append, groups };
}

it("commits what is ready together, in the order of the calls", async () => {
  const { head, id, append, groups } = await world();
  const commits = await Promise.all([append(0), append(1), append(2)]);
  expect(groups).toEqual([3]);
  expect(commits.flatMap(({ firsts }) => firsts)).toEqual([0, 1, 2]);
  const runs = await head.readHead(id, 0, 1e6);
  expect(runs.map(({ lines }) => Buffer.from(lines).toString()).join("")).toBe('{"n":0}\n{"n":1}\n{"n":2}\n');
});

it("wakes those that wait for a commit past a clock, in the collections that they named", async () => {
  const { head, append } = await world();
  await head.ensureJournals([{ collection: "b", logical: "", partition: 0 }]);
  const { clock } = await head.horizon(["a", "b"]);
  const woken: string[] = [];
  const first = head.waitPast(["b", "a"], clock).then(() => woken.push("a or b"));
  const never = head.waitPast(["b"], clock).then(() => woken.push("b"));
  const refused = expect(never).rejects.toThrow("The head is closed.");
  const { at } = await append(0);
  await first;
  await head.waitPast(["a"], at - 1); // there already
  const past = head.waitPast(["a"], at).then(() => woken.push("past"));
  expect(woken).toEqual(["a or b"]);
  await append(1);
  await past;
  expect(woken).toEqual(["a or b", "past"]);
  await head.close();
  await refused;
});

it("tells who waits for a commit what it brought, beyond what was read", async () => {
  const { head, id, append } = await world();
  const { at } = await append(0);
  const waiting = head.waitPast(["a"], at, { [id]: 1 });
  await append(1);
  const { clock, journals, runs } = await waiting;
  expect(journals).toMatchObject([{ id, next: 2 }]);
  expect(clock).toBeGreaterThanOrEqual(journals[0]?.lastAt ?? Number.POSITIVE_INFINITY);
  expect(runs[id]?.map(({ first, lines }) => [first, Buffer.from(lines).toString()])).toEqual([
    [1, '{"n":1}\n'],
  ]);
  // Nothing beyond, and an end that is not one.
  expect((await head.waitPast(["a"], at, { [id]: 2 })).runs).toEqual({});
  expect((await head.waitPast(["a"], at, { [id]: 3, other: 0 })).runs).toEqual({});
});

it("takes nothing in below the disk's reserve, and still moves checkpoints", async () => {
  const { head, fence, append } = await world((directory) => diskReserve(directory, Number.MAX_SAFE_INTEGER));
  await expect(append(0)).rejects.toThrow(/Nothing is taken in until there is room/);
  const state = (value: string | null) => [{ space: "s", key: "k", value }];
  const set = head.commit({ task: "t", fence, appends: [], state: state("1") });
  await expect(set).rejects.toThrow(/Nothing is taken in until there is room/);
  await head.commit({ task: "t", fence, appends: [], checkpoint: 1, state: state(null) });
  expect(await head.checkpoints(["t"])).toEqual([1]);
});

it("refuses a task that does not wait for its commits, and none of the others", async () => {
  const { head, id, fence } = await world();
  const { fence: other } = await head.openTask("other");
  const lines = () => Buffer.alloc(4 * 1024 * 1024, "{}\n");
  const send = (task: string, own: number) =>
    head.commit({ task, fence: own, appends: [{ journal: id, count: 1, lines: lines() }] });
  const sent = await Promise.allSettled(
    Array.from({ length: 20 }, () => send("t", fence)).concat(send("other", other)),
  );
  const refused = sent.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : []));
  expect(refused).toHaveLength(4);
  expect(new Set(refused)).toEqual(
    new Set([
      'Error: The task "t" has 67108864 bytes waiting to be committed, and 4194304 more would be over the limit of 67108864; its driver must wait for what it has appended.',
    ]),
  );
  expect(sent.at(-1)?.status).toBe("fulfilled");
  // Once it has its answers it may go on.
  await send("t", fence);
});
