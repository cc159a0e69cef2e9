/** A comment for a pull request, by GitHub's Markdown. */
import type { Change, PlanDiff } from "../change.ts";
import type { PlanGraph } from "../plan-graph.ts";
import { affectedPart, renderMermaid } from "./mermaid.ts";
import { plural, visible } from "./plain-text.ts";
import {
  becauseText,
  fieldTitle,
  refusedLine,
  replayText,
  sqlTitle,
  storedText,
  verdictLine,
} from "./words.ts";

/** Finds the one comment that is edited. */
export const MARKER = "<!-- weir-diff -->";
/** Longest comment that GitHub takes, characters. */
export const MAX_COMMENT = 65_536;
/** A picture of more nodes than this is no picture. */
const MOST_NODES = 60;
/** Kept back for the sentence that says what was left out. */
const NOTE = 400;

const ICONS = { none: "⚪", safe: "🟢", rebuild: "🟡", destructive: "🔴" };

/** Never longer than `limit` characters; what does not fit is left out from the end on, and counted. */
export function renderDiffMarkdown(diff: PlanDiff, graph: PlanGraph, limit: number = MAX_COMMENT): string {
  const refused = refusedLine(diff);
  const parts = [
    MARKER,
    `### ${ICONS[diff.verdict]} weir diff`,
    escaped(verdictLine(diff)),
    ...(refused === undefined ? [] : [`> ${escaped(refused)}`]),
  ];
  const head = `${parts.join("\n\n")}\n`;
  if (diff.changes.length === 0) return head;
  let room = limit - head.length - NOTE;
  const rows = fitting(diff.changes.map(tableRow), room - TABLE_HEAD.length);
  const table = rows.length === 0 ? "" : `${TABLE_HEAD}${rows.join("")}`;
  room -= table.length;
  const picture = pictureOf(diff, graph);
  const shownPicture = picture.length <= room ? picture : "";
  room -= shownPicture.length;
  const details = fitting(diff.changes.map(detail), room);
  const missing = [
    ...left(diff.changes.length - rows.length, "row"),
    ...(shownPicture === "" ? ["the picture"] : []),
    ...left(diff.changes.length - details.length, "detail"),
  ];
  const note =
    missing.length === 0
      ? ""
      : `\nLeft out, since a comment has a largest size: ${missing.join(", ")}. \`weir diff\` shows all of it.\n`;
  return `${head}${table}${shownPicture}${details.join("")}${note}`;
}

const TABLE_HEAD = "\n| | change | what | why |\n| --- | --- | --- | --- |\n";

function tableRow({ action, destructive, kind, name, reason }: Change): string {
  const sign = destructive ? "🔴" : action === "rebuild" ? "🟡" : "🟢";
  return `| ${sign} | **${action}** | ${cell(code(name))} ${kind} | ${cell(escaped(short(reason)))} |\n`;
}

/** A table's row is one line: its detail has the whole. */
function short(text: string): string {
  return text.length <= LONGEST_REASON ? text : `${text.slice(0, LONGEST_REASON - 1)}…`;
}

const LONGEST_REASON = 240;

function pictureOf({ changes }: PlanDiff, graph: PlanGraph): string {
  const part = affectedPart(graph, changes);
  if (part.nodes.length > MOST_NODES)
    return `\nThe affected part of the graph has ${part.nodes.length} nodes, too many to draw.\n`;
  return `\n\`\`\`mermaid\n${renderMermaid(part, changes)}\`\`\`\n`;
}

function detail(change: Change): string {
  const because = becauseText(change);
  const lines = [
    `${escaped(change.reason)}\n`,
    ...change.fields.map((field) => {
      const { before, after } = field;
      const values = [
        before === null ? "" : ` ${code(before)}`,
        after === null ? "" : ` → ${code(after)}`,
      ].join("");
      return `- ${code(fieldTitle(field))}${values}: ${storedText(field)}`;
    }),
    ...(change.fields.length > 0 ? [""] : []),
    ...(because === undefined ? [] : [`Because: ${change.because.map(code).join(" → ")}\n`]),
    ...(change.replay === null ? [] : [`Reads: ${escaped(replayText(change.replay))}\n`]),
    ...(change.sql === undefined
      ? []
      : [`${capitalized(sqlTitle(change))}:\n`, codeBlock("sql", change.sql.join(";\n\n"))]),
    ...(change.caution === null ? [] : [`Note: ${escaped(change.caution)}\n`]),
    ...(change.refusedToday === null ? [] : [`\`weir run\` refuses this: ${escaped(change.refusedToday)}\n`]),
  ];
  const title = `${change.action} <code>${html(visible(change.name))}</code>`;
  return `\n<details><summary>${title}</summary>\n\n${lines.join("\n")}\n</details>\n`;
}

/** As many, from the first on, as fit. */
function fitting(parts: readonly string[], room: number): readonly string[] {
  let used = 0;
  const end = parts.findIndex((part) => {
    used += part.length;
    return used > room;
  });
  return end === -1 ? parts : parts.slice(0, end);
}

function left(count: number, word: string): readonly string[] {
  return count === 0 ? [] : [plural(count, word)];
}

/** A code span that its content cannot end. */
function code(text: string): string {
  const shown = visible(text);
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = shown.startsWith("`") || shown.endsWith("`") || shown === "" ? " " : "";
  return `${fence}${pad}${shown}${pad}${fence}`;
}

/** A block that its content cannot end. */
function codeBlock(language: string, text: string): string {
  const shown = text.split("\n").map(visible).join("\n");
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${shown}\n${fence}\n`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Text that Markdown shows as it is: no mention, link, HTML or emphasis of somebody else's. No backslash stops a mention. */
function escaped(text: string): string {
  return html(visible(text))
    .replaceAll(/[\\`*_{}[\]|~#!]/g, (each) => `\\${each}`)
    .replaceAll("@", "@<!-- -->");
}

function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Within a table even a code span's bar ends the cell, unless it is escaped. */
function cell(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, "\\|");
}
