/** A connector that comes in a package of its own: what a flow imports, and the driver that the runtime loads. */
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { project } from "./project.ts";

const PACKAGE = {
  "package.json": JSON.stringify({
    name: "acme-lines",
    type: "module",
    exports: {
      ".": { types: "./index.d.ts", default: "./index.js" },
      "./driver": "./driver.js",
    },
  }),
  "index.d.ts": `
import type { Source, Target } from "weir";
export declare function counted(options: { count: number }): Source;
export declare function shelf(options: { file: string }): Target;
`,
  "index.js": `
import { source, target } from "weir";
const guarantee = { delivery: "exactly-once", mechanism: "Rows and position are one file." };
export const counted = ({ count }) =>
  source({ connector: "acme-lines", config: { count }, resource: "counted", guarantee });
export const shelf = ({ file }) => target({ connector: "acme-lines", config: { file }, resource: file, guarantee });
`,
  "driver.js": `
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { HaltError } from "weir/driver";
export const captureDriver = {
  thread: "own",
  bounded: () => true,
  async run([capture]) {
    capture.ready();
    for (let id = capture.cursor ?? 0; id < capture.config.count; id++) {
      const document = { id };
      if (capture.validate(document)) throw new HaltError("Unfit.");
      await capture.append({ count: 1, values: [document], lines: Buffer.from(JSON.stringify(document) + "\\n") }, id + 1);
    }
  },
};
export const materializationDriver = {
  async open({ config: { file } }) {
    if (file.startsWith("forbidden")) throw new HaltError("The shelf is full. Name another.");
    const read = () => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { rows: {} });
    const write = (rows, position) => {
      writeFileSync(file + ".new", JSON.stringify({ rows, position }));
      renameSync(file + ".new", file);
    };
    return {
      position: read().position,
      reducesInTarget: false,
      maxRows: 1000,
      load: async (keys) => keys.map((key) => read().rows[JSON.stringify(key)]),
      async store(changes, next) {
        const { rows } = read();
        for (const { op, key, document } of changes) {
          if (op === "remove") delete rows[JSON.stringify(key)];
          else rows[JSON.stringify(key)] = document;
        }
        write(rows, next);
      },
      clear: async (next) => write({}, next),
      close: async () => {},
    };
  },
};
`,
};

const flow = (file: string) => `
import { capture } from "weir";
import { counted, shelf } from "acme-lines";
import { z } from "zod";
capture("numbers", counted({ count: 5 }), { schema: z.object({ id: z.int() }), key: ["id"] })
  .derive("halves", {
    schema: z.object({ half: z.int(), sum: z.int() }),
    key: ["half"],
    reduce: { sum: "sum" },
    transform: ({ id }) => ({ half: Math.floor(id / 2), sum: id }),
  })
  .materializeTo(shelf({ file: ${JSON.stringify(file)} }));
`;

test("a package brings a source and a target", { timeout: 120_000 }, async () => {
  const files = Object.entries(PACKAGE).map(([name, text]) => [`node_modules/acme-lines/${name}`, text]);
  const { directory, weir, write } = await project(Object.fromEntries(files));
  mkdirSync(join(directory, "node_modules"), { recursive: true });
  const repository = fileURLToPath(new URL("../../", import.meta.url));
  symlinkSync(repository, join(directory, "node_modules", "weir"), "dir");
  const shelf = join(directory, "shelf.json");
  write("flows/numbers.flow.ts", flow(shelf));
  const run = await weir.command("run", "--once");
  expect(run.stderr).not.toMatch(/error/i);
  expect(run.code).toBe(0);
  expect(Object.values(JSON.parse(readFileSync(shelf, "utf8")).rows)).toEqual([
    { half: 0, sum: 1 },
    { half: 1, sum: 5 },
    { half: 2, sum: 4 },
  ]);
  // Its HaltError is of another copy of Weir's module, and halts all the same: the run ends instead of trying for ever.
  // Another shelf is another target: the one before is given up.
  write("flows/numbers.flow.ts", flow("forbidden"));
  const halted = await weir.command("run", "--once", "--allow", "destructive");
  expect(halted.stderr).toMatch(/The shelf is full\. Name another\./);
  expect(halted.code).toBe(1);
  write("node_modules/acme-lines/package.json", PACKAGE["package.json"].replace('"./driver"', '"./other"'));
  const missing = await weir.command("run", "--once");
  expect(missing.stderr).toMatch(
    /Weir cannot (capture from|materialize to) "acme-lines".*npm install acme-lines/,
  );
  expect(missing.code).toBe(1);
});
