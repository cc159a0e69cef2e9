/**
 * How long a start takes over a data directory of ten million documents, and over one of ten thousand: from the start of the process
 * until a document that is posted as soon as the port answers is in the target's table. All of history has been derived before.
 */
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { freePort } from "../test/servers/free-port.ts";
import { startPostgres, withClient } from "../test/servers/postgres.ts";
import type { Bench } from "./case.ts";
import { writeLines } from "./flights.ts";
import { BenchProject, type ServedProcess } from "./project.ts";
import { eventLine, expectSpend } from "./spend.ts";

const LOOK_MS = 2;

export const startBench: Bench = {
  sizes: { full: { documents: 10_000_000, rounds: 5 } },
  cases: [
    {
      name: "start",
      against: "the same of a thousandth of the documents",
      sides: ["many", "few"],
      must: 1.2,
      aim: 1,
    },
  ],
  measure: async (report, { documents, rounds }) => {
    const postgres = await startPostgres();
    const projects: StartProject[] = [];
    const sides: Record<"many" | "few", number[]> = { many: [], few: [] };
    try {
      for (const count of [documents, documents / 1000]) {
        const project = await StartProject.make(count, await postgres.createDatabase());
        projects.push(project);
        await project.start("warm"); // what is read at a start is in the system's memory then, on both sides
      }
      const [many, few] = projects as [StartProject, StartProject];
      for (let round = 0; round < rounds; round++) {
        const inTurn = round % 2 === 0 ? ([many, few] as const) : ([few, many] as const);
        for (const project of inTurn)
          sides[project === many ? "many" : "few"].push(await project.start(`live-${round}`));
        report(`of many ${sides.many.at(-1)?.toFixed(0)} ms, of few ${sides.few.at(-1)?.toFixed(0)} ms`);
      }
      return { unit: "ms", sides };
    } finally {
      for (const project of projects) project[Symbol.dispose]();
      await postgres.stop();
    }
  },
};

class StartProject implements Disposable {
  readonly #project = new BenchProject();
  readonly #url: string;
  readonly #port: number;

  private constructor(url: string, port: number) {
    this.#url = url;
    this.#port = port;
  }

  /** With a history of so many documents, which have been captured from a file, derived and stored. */
  static async make(documents: number, url: string): Promise<StartProject> {
    const own = new StartProject(url, await freePort());
    const project = own.#project;
    project.write(
      "weir.config.ts",
      `import { defineConfig } from "weir";\nexport default defineConfig({ http: { port: ${own.#port} } });\n`,
    );
    await writeLines(documents, { [project.path("events.ndjson")]: lineOf });
    project.build(FLOW);
    await project.run({ DATABASE_URL: url });
    rmSync(project.path("events.ndjson"));
    await expectSpend(url, documents);
    return own;
  }

  /** Milliseconds from the start of the process until a document of this customer, which is new, is in the table. */
  async start(customer: string): Promise<number> {
    return withClient(this.#url, async (client) => {
      const started = performance.now();
      await using weir = this.#project.serve({ DATABASE_URL: this.#url });
      await this.#post(weir, JSON.stringify({ id: 1, customer, cents: 1 }));
      while (!(await isThere(client, customer))) {
        weir.requireRunning();
        await sleep(LOOK_MS);
      }
      return performance.now() - started;
    });
  }

  async #post(weir: ServedProcess, body: string): Promise<void> {
    for (;;) {
      weir.requireRunning();
      const answer = await fetch(`http://127.0.0.1:${this.#port}/events`, {
        method: "POST",
        headers: { "content-type": "application/json", connection: "close" },
        body,
      }).catch(() => undefined); // the port does not answer yet
      if (answer?.status === 200) return;
      if (answer && answer.status !== 503) throw new Error(`${answer.status}: ${await answer.text()}`);
      await sleep(LOOK_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#project[Symbol.dispose]();
  }
}

async function isThere(client: Client, customer: string): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM spend WHERE customer = $1", [customer]);
  return rowCount === 1;
}

/** Of each customer ten, one after the other. */
const lineOf = (id: number) => eventLine(id, Math.floor(id / 10));

const FLOW = `import { capture, derive, env } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";

const history = capture("start/history", files({ path: "*.ndjson" }), {
  schema: z.object({ id: z.int(), customer: z.string(), cents: z.int(), note: z.string() }),
  key: ["id"],
});
const live = capture("start/live", http({ path: "/events" }), {
  schema: z.object({ id: z.int(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});
derive("start/spend", {
  from: { history: history.by("customer"), live: live.by("customer") },
  schema: z.object({ customer: z.string(), cents: z.int(), events: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum", events: "sum" },
  on: {
    history: ({ customer, cents }) => ({ customer, cents, events: 1 }),
    live: ({ customer, cents }) => ({ customer, cents, events: 1 }),
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
`;
