/** Derivations in shards, as a user runs them: scaled and killed while documents come, with exact results. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { allCaughtUp, taskOf, type WeirProcess } from "../servers/weir-process.ts";
import { project } from "./project.ts";

const WITHIN_MS = 90_000;
const REQUESTS = 120;
const PER_REQUEST = 40;

const FLOW = `
import { z } from "zod";
import { capture } from "weir";
import { http } from "weir/http";

const accounts = capture("bank/moves", http({ path: "/moves" }), {
  schema: z.object({ account: z.string(), branch: z.string(), cents: z.int() }),
  key: ["account"],
  partitions: 4,
});

accounts.derive("bank/branches", {
  schema: z.object({ branch: z.string(), moves: z.int(), cents: z.int(), largest: z.int() }),
  key: ["branch"],
  reduce: { moves: "sum", cents: "sum", largest: "max" },
  transform: ({ branch, cents }) => ({ branch, moves: 1, cents, largest: cents }),
});
`;

const STATE_FLOW = `
import { z } from "zod";
import { capture, derive } from "weir";
import { http } from "weir/http";

const moves = capture("bank/moves", http({ path: "/moves" }), {
  schema: z.object({ account: z.string(), branch: z.string(), cents: z.int() }),
  key: ["account"],
  partitions: 4,
});

/** What each move does depends on all moves of its account before it, in their order. */
derive("bank/branches", {
  from: { moves: moves.by("account") },
  schema: z.object({ branch: z.string(), moves: z.int(), cents: z.int(), largest: z.int() }),
  key: ["branch"],
  reduce: { moves: "sum", cents: "sum", largest: "max" },
  state: { schema: z.object({ hash: z.int() }), initial: { hash: 7 } },
  on: {
    moves({ branch, cents }, { state }) {
      state.hash = (state.hash * 31 + cents) % 1_000_003;
      return { branch, moves: 1, cents: state.hash, largest: state.hash };
    },
  },
});
`;

interface Move {
  readonly account: string;
  readonly branch: string;
  readonly cents: number;
}
/** The same index, the same move. */
const move = (i: number): Move => ({
  account: `a-${(i * 7919) % 61}`,
  branch: `b-${(i * 104_729) % 7}`,
  cents: ((i * 15_485_863) % 20_011) - 5_000,
});
const MOVES = Array.from({ length: REQUESTS * PER_REQUEST }, (_, i) => move(i));

interface Branch {
  readonly branch: string;
  readonly moves: number;
  readonly cents: number;
  readonly largest: number;
}

/** A plain loop. `worth` is called once for each move, in their order. */
function branches(worth: (move: Move) => number): Branch[] {
  const rows = new Map<string, Branch>();
  for (const each of MOVES) {
    const { branch } = each;
    const cents = worth(each);
    const row = rows.get(branch) ?? { branch, moves: 0, cents: 0, largest: cents };
    rows.set(branch, {
      branch,
      moves: row.moves + 1,
      cents: row.cents + cents,
      largest: Math.max(row.largest, cents),
    });
  }
  return [...rows.values()].sort((a, b) => (a.branch < b.branch ? -1 : 1));
}

function chained(): (move: Move) => number {
  const hashes = new Map<string, number>();
  return ({ account, cents }) => {
    const hash = ((hashes.get(account) ?? 7) * 31 + cents) % 1_000_003;
    hashes.set(account, hash);
    return hash;
  };
}

/** A client that repeats a request until it is answered, under the same idempotency key. */
async function send(origin: string, request: number): Promise<void> {
  const documents = MOVES.slice(request * PER_REQUEST, (request + 1) * PER_REQUEST);
  for (;;) {
    const response = await fetch(`${origin}/moves`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson", "idempotency-key": `request-${request}` },
      body: documents.map((document) => `${JSON.stringify(document)}\n`).join(""),
    }).catch(() => undefined);
    if (response?.status === 200) return;
    if (response && response.status < 500) throw new Error(`${response.status}: ${await response.text()}`);
    await sleep(50);
  }
}

const shardsOf = async (weir: WeirProcess) => {
  const status = await weir.until((s) => taskOf(s, "bank/branches")?.state === "caught-up", WITHIN_MS);
  return taskOf(status, "bank/branches")?.shards;
};

async function reduced(weir: WeirProcess): Promise<Branch[]> {
  const { code, stdout, stderr } = await weir.command("read", "bank/branches", "--reduced");
  expect(code, stderr).toBe(0);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Branch); // of the schema, which the runtime has checked
  return rows.sort((a, b) => (a.branch < b.branch ? -1 : 1));
}

it.each([
  [
    "without state",
    FLOW,
    () =>
      ({ cents }: Move) =>
        cents,
  ],
  ["with state by the key", STATE_FLOW, chained],
])(
  "scaled and killed while documents come, a derivation %s is exact",
  async (_, flow, worth) => {
    const { weir, origin } = await project({ "flows/bank.flow.ts": flow });
    weir.start();
    await weir.until(allCaughtUp, WITHIN_MS);
    const sending = (async () => {
      for (let request = 0; request < REQUESTS; request++) await send(origin, request);
    })();
    const scale = async (shards: number) => {
      const { code, stdout, stderr } = await weir.command("scale", "bank/branches", String(shards), "--json");
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toEqual({ task: "bank/branches", shards, running: true });
    };
    await scale(4);
    await scale(1);
    await scale(3);
    // Killed somewhere in a change: what it comes to is the one layout or the other.
    for (const [shards, afterMs] of [
      [2, 400],
      [4, 700],
      [1, 550],
    ] as const) {
      const scaling = weir.command("scale", "bank/branches", String(shards));
      await sleep(afterMs);
      await weir.kill();
      await scaling;
      weir.start();
      await weir.until((status) => taskOf(status, "bank/branches")?.state !== "starting", WITHIN_MS);
    }
    await scale(4);
    await weir.kill();
    weir.start();
    await sending;
    expect(await shardsOf(weir)).toEqual({ running: 4, of: 4 });
    const status = await weir.until(allCaughtUp, WITHIN_MS);
    expect(taskOf(status, "bank/branches")?.position).toBe(MOVES.length);
    expect(await reduced(weir)).toEqual(branches(worth()));
    const table = await weir.command("status");
    expect(table.stdout).toContain("caught-up (4 of 4 shards)");
    await scale(2);
    expect(await shardsOf(weir)).toEqual({ running: 2, of: 2 });
    expect(await reduced(weir)).toEqual(branches(worth()));
  },
  240_000,
);

it("notes a number of shards where nothing runs, and refuses what cannot be", async () => {
  const { weir } = await project({ "flows/bank.flow.ts": FLOW });
  const before = await weir.command("scale", "bank/branches", "2");
  expect(before).toMatchObject({ code: 1, stderr: expect.stringContaining("Nothing has run") });
  weir.start();
  await weir.until(allCaughtUp, WITHIN_MS);
  const tooMany = await weir.command("scale", "bank/branches", "5");
  expect(tooMany).toMatchObject({ code: 1, stderr: expect.stringContaining("Ask for 4 at most") });
  const capture = await weir.command("scale", "bank/moves", "2");
  expect(capture).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"bank/moves" is no derivation'),
  });
  await weir.stop();
  const noted = await weir.command("scale", "bank/branches", "3", "--json");
  expect(JSON.parse(noted.stdout)).toEqual({ task: "bank/branches", shards: 3, running: false });
  weir.start();
  expect(await shardsOf(weir)).toEqual({ running: 3, of: 3 });
}, 120_000);
