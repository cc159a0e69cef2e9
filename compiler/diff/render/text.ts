import pc from "picocolors";
import type { FieldChange } from "../../../plan/evolution/difference.ts";
import type { Action, Change, PlanDiff } from "../change.ts";
import { visible } from "./plain-text.ts";
import {
  becauseText,
  fieldTitle,
  refusedLine,
  replayText,
  sqlTitle,
  storedText,
  verdictLine,
} from "./words.ts";

export interface DiffTextOptions {
  readonly color: boolean;
}

const SIGNS: Readonly<Record<Action, string>> = {
  ...{ create: "+", update: "~", "code-only": "~", resume: ">", rebuild: "!", destroy: "-" },
};

/** For a terminal: each change with its reason, its fields and what to do about it; destructive ones first, the verdict last. */
export function renderDiffText(diff: PlanDiff, { color }: DiffTextOptions): string {
  const paint = pc.createColors(color);
  const refused = refusedLine(diff);
  const verdict = paint.bold(visible(verdictLine(diff)));
  const end = refused === undefined ? verdict : `${verdict}\n${paint.yellow(visible(refused))}`;
  return `${[...diff.changes.map((change) => renderChange(change, color)), end].join("\n\n")}\n`;
}

function renderChange(change: Change, color: boolean): string {
  const paint = pc.createColors(color);
  const tint = tintOf(change, paint);
  const because = becauseText(change);
  const lines = [
    `${tint(`${SIGNS[change.action]} ${change.action}`)} ${paint.bold(visible(change.name))} ${paint.dim(change.kind)}`,
    `  ${visible(change.reason)}`,
    ...change.fields.map((field) => `    ${renderField(field)}`),
    ...(because === undefined ? [] : [`  because ${visible(because)}`]),
    ...(change.replay === null ? [] : [`  reads ${visible(replayText(change.replay))}`]),
    ...sqlLines(change),
    ...(change.caution === null ? [] : [`  ${paint.yellow("note")} ${visible(change.caution)}`]),
    ...(change.refusedToday === null ? [] : [`  weir run refuses this: ${visible(change.refusedToday)}`]),
  ];
  return lines.join("\n");
}

function sqlLines(change: Change): readonly string[] {
  const { sql = [] } = change;
  if (sql.length === 0) return [];
  return [
    `  ${sqlTitle(change)}`,
    ...sql.flatMap((each) => each.split("\n")).map((line) => `    ${visible(line)}`),
  ];
}

function renderField(field: FieldChange): string {
  const { before, after } = field;
  const values =
    before === null && after === null
      ? ""
      : before === null
        ? ` + ${visible(after ?? "")}`
        : after === null
          ? ` - ${visible(before)}`
          : `: ${visible(before)} → ${visible(after)}`;
  return `${visible(fieldTitle(field))}${values} (${storedText(field)})`;
}

function tintOf(
  { action, destructive }: Change,
  paint: ReturnType<typeof pc.createColors>,
): (text: string) => string {
  if (destructive) return paint.red;
  switch (action) {
    case "create":
      return paint.green;
    case "rebuild":
      return paint.magenta;
    case "resume":
    case "update":
    case "code-only":
      return paint.cyan;
    case "destroy":
      return paint.red;
  }
}
