import { expect, it } from "vitest";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { renderGithub } from "./github.ts";
import { renderSarif } from "./sarif.ts";

const key: Diagnostic = {
  code: "WEIR1001",
  severity: "error",
  message: "100 % wrong:\na key, not a field.",
  file: "/project/flows/a,b.flow.ts",
  line: 14,
  column: 9,
  endLine: 14,
  endColumn: 20,
  related: [{ file: "/project/flows/c.flow.ts", line: 2, column: 1, message: "declared here" }],
  fix: "Name a field.",
};
const unused: Diagnostic = {
  code: "WEIR4004",
  severity: "warning",
  message: "Nothing uses it.",
  file: "/project/flows/c.flow.ts",
  line: 0,
  column: 0,
  related: [],
};

it("annotations are one line each, escaped as GitHub reads them", () => {
  expect(renderGithub([key, unused], { cwd: "/project" })).toBe(
    "::error file=flows/a%2Cb.flow.ts,line=14,col=9,endLine=14,endColumn=20,title=WEIR1001::100 %25 wrong:%0Aa key, not a field.%0AName a field.\n" +
      "::warning file=flows/c.flow.ts,title=WEIR4004::Nothing uses it.\n",
  );
});

it("SARIF has the rules that occur, and a result with its places for each diagnostic", () => {
  const log = JSON.parse(renderSarif([key, unused], { cwd: "/project" }));
  const [run] = log.runs;
  expect(log.version).toBe("2.1.0");
  expect(run.tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(["WEIR1001", "WEIR4004"]);
  expect(run.results[0]).toMatchObject({
    ruleId: "WEIR1001",
    ruleIndex: 0,
    level: "error",
    message: { text: "100 % wrong:\na key, not a field.\nName a field." },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: "flows/a%2Cb.flow.ts" },
          region: { startLine: 14, startColumn: 9, endLine: 14, endColumn: 20 },
        },
      },
    ],
    relatedLocations: [{ message: { text: "declared here" } }],
  });
  expect(run.results[1].locations[0].physicalLocation).toEqual({
    artifactLocation: { uri: "flows/c.flow.ts" },
  });
});
