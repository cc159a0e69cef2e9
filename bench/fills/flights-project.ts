/** The flow files of the back-fill benchmarks begin so, and the script that is written by hand reads what they captured. */
import { join } from "node:path";
import { FLIGHT_SCHEMA } from "../flights.ts";
import type { BenchProject } from "../project.ts";

/** `options` are more of the capture's, as in a flow file. */
export const captureOf = (options: string) => `import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

void env;
void pg;
const flights = capture("bench/flights", files({ path: "flights.ndjson" }), {
  schema: ${FLIGHT_SCHEMA},
  key: ["id"],${options}
});
`;

export const CAPTURE = captureOf("");

export const SCRIPT = join(import.meta.dirname, "script-process.ts");
export const LOOP = join(import.meta.dirname, "loop-process.ts");

export function scriptEnvironment(project: BenchProject, url: string): Record<string, string> {
  return { DATABASE_URL: url, HISTORY: project.path(".weir/store/bench/flights") };
}
