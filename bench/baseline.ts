/** The short benches in CI: not how fast Weir is, but that it has not become twice as slow beside what ran with it. */
import { type Result, share } from "./case.ts";

/** Ratios of the short sizes, by the case's name. */
export type Baseline = Readonly<Record<string, number>>;

const DOUBLED = 2;

/** What is wrong with these results, a sentence each. */
export function regressions(results: readonly Result[], baseline: Baseline): string[] {
  return results.flatMap(({ name, ratio, unit }) => {
    const before = baseline[name];
    if (before === undefined)
      return [`${name}: there is no baseline; run "npm run bench:short -- --set-baseline".`];
    // Written so that a ratio that is no number is one too.
    if (share(unit, ratio, before) < DOUBLED) return [];
    return [
      `${name}: the ratio is ${ratio.toFixed(2)}, twice as bad as its baseline of ${before.toFixed(2)}.`,
    ];
  });
}

/** With what was measured in place of what was known of the same cases. */
export function updated(baseline: Baseline, results: readonly Result[]): Baseline {
  const measured = results.map(({ name, ratio }) => [name, Number(ratio.toPrecision(3))] as const);
  const all = [
    ...Object.entries(baseline).filter(([name]) => !results.some((each) => each.name === name)),
    ...measured,
  ];
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}
