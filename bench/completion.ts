/** How long an editor waits for completion in a flow file, asked of TypeScript's language server as an editor asks. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./case.ts";
import { manyFlows } from "./check.ts";

const repository = join(import.meta.dirname, "..");
const ROUNDS = 15;

/** `|` is where completion is asked for; before each question a letter is typed elsewhere in the file, so that nothing is ready. */
const FLOW = `import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";
// typed here:
export const orders = capture("bench/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), placedAt: z.iso.datetime() }),
  key: ["|"],
});
export const spend = orders.derive("bench/spend", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "|" },
  transform: (order) => ({ customer: order.|customer, cents: order.cents }),
});
spend.materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
`;

export const completionBench: Bench = {
  cases: [{ name: "completion", against: "300 ms", sides: ["weir", "limit"], must: 1, aim: 0.5 }],
  measure: async (report) => {
    using project = manyFlows();
    const file = join(project.directory, "flows", "typed.flow.ts");
    const [text, places] = placesOf(FLOW);
    writeFileSync(file, text);
    await using server = new LanguageServer(project.directory);
    await server.request("updateOpen", { openFiles: [{ file, fileContent: readFileSync(file, "utf8") }] });
    await server.ask(file, places[0] ?? { line: 1, offset: 1 });
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const place of places) {
        await server.type(file, { line: 5, offset: 15 + round }, "x");
        const start = performance.now();
        const entries = await server.ask(file, place);
        times.push(performance.now() - start);
        if (entries === 0) throw new Error(`Nothing was offered at line ${place.line}.`);
      }
    }
    report(`${times.length} completions in a project of 201 flow files`);
    // The slowest of twenty is what a user notices.
    const slow = times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
    return { unit: "ms", sides: { weir: [slow], limit: [300] } };
  },
};

interface Location {
  readonly line: number;
  readonly offset: number;
}

function placesOf(marked: string): [text: string, places: readonly Location[]] {
  const places: Location[] = [];
  const lines = marked.split("\n").map((line, index) => {
    let rest = line;
    for (let at = rest.indexOf("|"); at >= 0; at = rest.indexOf("|")) {
      places.push({ line: index + 1, offset: at + 1 });
      rest = rest.slice(0, at) + rest.slice(at + 1);
    }
    return rest;
  });
  return [lines.join("\n"), places];
}

interface Message {
  readonly type: string;
  readonly request_seq?: number;
  readonly success?: boolean;
  readonly message?: string;
  readonly body?: { readonly entries?: readonly unknown[] };
}

/** Speaks the protocol of `tsserver`. */
class LanguageServer implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #sequence = 0;
  #output = Buffer.alloc(0);

  constructor(cwd: string) {
    const tsserver = join(repository, "node_modules", "typescript", "lib", "tsserver.js");
    const options = ["--disableAutomaticTypingAcquisition", "--suppressDiagnosticEvents"];
    this.#process = spawn(process.execPath, [tsserver, ...options], { cwd });
    this.#process.stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  async request(command: string, args: object): Promise<Message> {
    const seq = ++this.#sequence;
    const answered = new Promise<Message>((resolve) => this.#waiting.set(seq, resolve));
    this.#process.stdin.write(`${JSON.stringify({ seq, type: "request", command, arguments: args })}\n`);
    const answer = await answered;
    if (answer.success === false) throw new Error(`${command}: ${answer.message}`);
    return answer;
  }

  async type(file: string, { line, offset }: Location, text: string): Promise<void> {
    const change = { start: { line, offset }, end: { line, offset }, newText: text };
    await this.request("updateOpen", { changedFiles: [{ fileName: file, textChanges: [change] }] });
  }

  /** How many entries completion offers. */
  async ask(file: string, { line, offset }: Location): Promise<number> {
    const { body } = await this.request("completionInfo", { file, line, offset });
    return body?.entries?.length ?? 0;
  }

  /** Messages come as `Content-Length: n`, an empty line, and n bytes of JSON. */
  #receive(chunk: Buffer): void {
    this.#output = Buffer.concat([this.#output, chunk]);
    for (;;) {
      const start = this.#output.indexOf("\r\n\r\n");
      const length = Number(
        /Content-Length: (\d+)/.exec(this.#output.toString("latin1", 0, Math.max(start, 0)))?.[1],
      );
      if (start < 0 || Number.isNaN(length) || this.#output.length < start + 4 + length) return;
      const message = JSON.parse(this.#output.toString("utf8", start + 4, start + 4 + length)) as Message; // tsserver's
      this.#output = this.#output.subarray(start + 4 + length);
      if (message.type !== "response" || message.request_seq === undefined) continue;
      this.#waiting.get(message.request_seq)?.(message);
      this.#waiting.delete(message.request_seq);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill();
    await exited;
  }
}
