/** A project of many flows: what the cost of `weir check` is measured on. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = [
  "z.string()",
  "z.int()",
  "z.number()",
  "z.boolean()",
  "z.iso.datetime()",
  "z.string().optional()",
];

/** Writes `flows` flow files into `directory`, each a capture and a derivation of documents with `fields` fields. */
export function writeManyFlows(directory: string, repository: string, flows: number, fields: number): void {
  mkdirSync(join(directory, "flows"), { recursive: true });
  mkdirSync(join(directory, "node_modules"), { recursive: true });
  symlinkSync(repository, join(directory, "node_modules", "weir"), "dir");
  symlinkSync(join(repository, "node_modules", "zod"), join(directory, "node_modules", "zod"), "dir");
  writeFileSync(join(directory, "package.json"), '{ "name": "many", "type": "module" }\n');
  writeFileSync(
    join(directory, "tsconfig.json"),
    `${JSON.stringify({ compilerOptions: { target: "es2024", module: "nodenext", strict: true, noEmit: true, skipLibCheck: true, types: [] }, include: ["flows"] }, null, 2)}\n`,
  );
  for (let flow = 0; flow < flows; flow++) {
    writeFileSync(join(directory, "flows", `flow-${flow}.flow.ts`), flowText(flow, fields));
  }
}

function flowText(flow: number, fields: number): string {
  const names = Array.from({ length: fields - 1 }, (_, i) => `field${i}`);
  const schema = names.map((name, i) => `    ${name}: ${TYPES[i % TYPES.length]},`).join("\n");
  const copied = names.map((name) => `    ${name}: event.${name},`).join("\n");
  return `import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";

export const events = capture("many/events-${flow}", http({ path: "/events-${flow}" }), {
  schema: z.object({
    id: z.string(),
${schema}
  }),
  key: ["id"],
});

const label = (text: string) => text.trim().toLowerCase() + "-${flow}";

export const labelled = events.derive("many/labelled-${flow}", {
  schema: z.object({
    id: z.string(),
${schema}
  }),
  key: ["id"],
  reduce: { field1: "sum", field2: "max" },
  transform: (event) => ({
    id: label(event.id),
${copied}
  }),
});

labelled.materializeTo(pg({ url: env("DATABASE_URL"), table: "labelled_${flow}" }));
`;
}
