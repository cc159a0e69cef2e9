/**
 * The page of results: a dated table between two markers of a Markdown file, whose other text stays as it is, and a plot beside it.
 * The plot is an SVG of our own. Mermaid, which the host would draw, has neither labels beside horizontal bars nor a line at the
 * bound, and one colour for all bars.
 */
import { isRate, type Result, share, spread } from "./case.ts";
import type { Machine } from "./machine.ts";

export interface Report {
  readonly results: readonly Result[];
  /** `2026-11-27` */
  readonly date: string;
  readonly machine: Machine;
}

export const BEGIN = "<!-- results: written by the bench, as is all down to their end -->";
export const END = "<!-- end of results -->";

/** Throws where the page has no markers. */
export function withReport(page: string, report: Report, plot: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) {
    throw new Error(`The page has no place for results; give it the two lines\n${BEGIN}\n${END}`);
  }
  return `${page.slice(0, from + BEGIN.length)}\n\n${section(report, plot)}\n\n${page.slice(to)}`;
}

function section({ results, date, machine }: Report, plot: string): string {
  const { cores, processor, memoryGiB, node, postgres, redis } = machine;
  return [
    `Measured on ${date}: ${cores} cores (${processor}), ${memoryGiB} GiB of memory; Node ${node}, Postgres ${postgres}, Redis ${redis}.`,
    "",
    `![Each case's ratio as a share of what it may be](${plot})`,
    "",
    "| case | beside | Weir | the other | ratio | must | aim | holds |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...results.map(row),
  ].join("\n");
}

function row(result: Result): string {
  const { name, against, ratio, must, aim, unit, figures } = result;
  const [ours, others] = figures.map((each) => spread(each, unit));
  const cells = [
    `\`${name}\``,
    against.replaceAll(/[\\|]/g, "\\$&"),
    ours,
    others,
    `${ratio.toFixed(2)} x`,
    bound(result, must),
    bound(result, aim),
    standing(result),
  ];
  return `| ${cells.join(" | ")} |`;
}

function bound({ unit }: Result, ratio: number): string {
  return `${isRate(unit) ? "≥" : "≤"} ${Number(ratio.toPrecision(3))}`;
}

function standing({ holds, unit, ratio, aim }: Result): string {
  if (!holds) return "**neither**";
  return share(unit, ratio, aim) <= 1 ? "must, aim" : "must";
}

const [LEFT, RIGHT, WIDTH] = [150, 190, 800];
const [BAR, GAP, TOP, BOTTOM] = [16, 12, 30, 34];
/** Where the plot ends, as a share of what may be: a longer bar is cut off there. */
const MOST = 1.5;

/** A bar for each case: how much it takes up of what it may, so that shorter is better, for rates too. */
export function plotOf(results: readonly Result[]): string {
  const height = TOP + results.length * (BAR + GAP) + BOTTOM;
  const unit = (WIDTH - LEFT - RIGHT) / MOST;
  const at = (value: number) => round(LEFT + Math.min(value, MOST) * unit);
  const bars = results.map((result, i) => {
    const { name, ratio, must, aim } = result;
    const [y, taken, aimed] = [
      TOP + i * (BAR + GAP),
      share(result.unit, ratio, must),
      share(result.unit, aim, must),
    ];
    const length = round(Math.min(taken, MOST) * unit);
    const label = `${ratio.toFixed(2)} x, must be ${bound(result, must)}`;
    return [
      `<text class="name" x="${LEFT - 10}" y="${y + BAR - 4}">${escapeXml(name)}</text>`,
      `<rect class="${colour(result)}" x="${LEFT}" y="${y}" width="${length}" height="${BAR}" rx="2"/>`,
      `<path class="aim" d="M${at(aimed)} ${y - 3}v${BAR + 6}"/>`,
      `<text x="${WIDTH - RIGHT + 10}" y="${y + BAR - 4}">${escapeXml(label)}</text>`,
    ].join("\n");
  });
  const foot = height - 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Each case's ratio as a share of what it may be: shorter is better, and up to the line the case holds</title>
<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a; }
.name { text-anchor: end; }
.middle { text-anchor: middle; }
.must, .aim { fill: none; stroke: #57606a; }
.must { stroke-width: 1.5; }
.aim { stroke-dasharray: 3 2; }
.reached { fill: #2da44e; }
.held { fill: #4493d8; }
.missed { fill: #d1443c; }
@media (prefers-color-scheme: dark) {
text { fill: #b6c0ca; }
.must, .aim { stroke: #b6c0ca; }
}
</style>
${bars.join("\n")}
<path class="must" d="M${at(1)} ${TOP - 10}V${height - BOTTOM}"/>
<text class="middle" x="${at(1)}" y="${TOP - 15}">must</text>
<text x="${LEFT}" y="${foot}">shorter is better; dashed: the aim. Green: reached; blue: the must holds; red: it does not</text>
</svg>
`;
}

function colour({ holds, unit, ratio, aim }: Result): string {
  if (!holds) return "missed";
  return share(unit, ratio, aim) <= 1 ? "reached" : "held";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
