import type { PlanDiff } from "../change.ts";

export const DIFF_FORMAT_VERSION = 1;

/** For a program, as `schema.json` in the folder above says. */
export function renderDiffJson({ verdict, summary, changes }: PlanDiff): string {
  return `${JSON.stringify({ formatVersion: DIFF_FORMAT_VERSION, verdict, summary, changes }, null, 2)}\n`;
}
