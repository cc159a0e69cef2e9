/**
 * Whether a value fits `schema.json`. In the package the code that ajv makes of the schema stands in this module's place (`npm run
 * build`): to load ajv and to have it make that code takes a process longer than all else of a start.
 */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Plan } from "./plan.ts";

const schema: unknown = JSON.parse(readFileSync(new URL("./schema.json", import.meta.url), "utf8"));

export const fitsPlanSchema = new Ajv2020({ strict: true, allErrors: false }).compile<Plan>(Object(schema));
