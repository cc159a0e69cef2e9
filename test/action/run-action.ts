/** Runs the steps of `action.yml` as a runner does: each by bash, with the expressions of its settings evaluated. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Step {
  readonly id?: string;
  readonly name: string;
  readonly shell: string;
  readonly "working-directory"?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: string;
}
interface Action {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

/** The action of this repository, which the tests run. */
const action = parse(readFileSync(join(ROOT, "action.yml"), "utf8")) as Action;

export interface Job {
  /** The clone's directory. */
  readonly workspace: string;
  /** Of the pull request; undefined where the job is of a push. */
  readonly pullRequest?: number;
  readonly baseRef?: string;
  readonly api: string;
  readonly inputs?: Readonly<Record<string, string>>;
  /** `github.token`. */
  readonly token?: string;
}

export interface JobResult {
  readonly ok: boolean;
  readonly outputs: Readonly<Record<string, string>>;
  /** Names of the steps that ran. */
  readonly ran: readonly string[];
  readonly summary: string;
  readonly log: string;
}

export async function runAction(job: Job): Promise<JobResult> {
  if (action.runs.using !== "composite") throw new Error("Only composite actions are run here.");
  const directory = mkdtempSync(join(tmpdir(), "weir-action-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = (name: string, text = "") => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const [summary, output] = [file("summary"), file("output")];
  const event = file(
    "event.json",
    JSON.stringify(job.pullRequest === undefined ? {} : { pull_request: { number: job.pullRequest } }),
  );
  const environment = {
    ...process.env,
    GITHUB_ACTION_PATH: ROOT,
    GITHUB_API_URL: job.api,
    GITHUB_BASE_REF: job.baseRef ?? "",
    GITHUB_EVENT_PATH: event,
    GITHUB_OUTPUT: output,
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_RUN_ID: "7",
    GITHUB_SERVER_URL: "https://github.example",
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_WORKSPACE: job.workspace,
    RUNNER_TEMP: directory,
  };
  const values = new Map([["github.token", job.token ?? ""]]);
  const given: Readonly<Record<string, string>> = job.inputs ?? {};
  for (const name of Object.keys(given))
    if (!action.inputs[name]) throw new Error(`There is no input ${name}.`);
  for (const [name, input] of Object.entries(action.inputs)) {
    values.set(`inputs.${name}`, given[name] ?? evaluated(input.default, values));
  }
  let [ok, log] = [true, ""];
  const ran: string[] = [];
  for (const step of action.runs.steps) {
    ran.push(step.name);
    writeFileSync(output, "");
    const env = Object.entries(step.env).map(([name, text]) => [name, evaluated(text, values)]);
    const script = file("step.sh", step.run);
    const child = spawn("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", script], {
      cwd: join(job.workspace, evaluated(step["working-directory"] ?? ".", values)),
      env: { ...environment, ...Object.fromEntries(env) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        log += part;
      });
    }
    await once(child, "close");
    for (const [, name, value = ""] of readFileSync(output, "utf8").matchAll(/^([\w-]+)=(.*)$/gm))
      values.set(`steps.${step.id}.outputs.${name}`, value);
    ok = child.exitCode === 0;
    if (!ok) break;
  }
  const outputs = Object.entries(action.outputs).map(([name, { value }]) => [name, evaluated(value, values)]);
  return { ok, ran, log, outputs: Object.fromEntries(outputs), summary: readFileSync(summary, "utf8") };
}

/** `${{ inputs.base }}`; of a step that did not say so, nothing. */
function evaluated(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined && !name.startsWith("steps.")) throw new Error(`Nothing is known of ${name}.`);
    return value ?? "";
  });
}
