import { loadConfig } from "../../compiler/config/config-file.ts";
import type { Json, Plan } from "../../plan/plan.ts";
import { tellRunning } from "../../runtime/control/client.ts";
import {
  answerJson,
  DeadLetterDesk,
  type DeadLetterRequest,
  type LetterList,
  type Moved,
  type ShownLetter,
} from "../../runtime/deadletters/desk.ts";
import { LAST_PLAN } from "../../runtime/notes.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { CommandError } from "../command-error.ts";
import { renderLetter, renderLetters } from "../render-dead-letters.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface Options {
  readonly json?: boolean;
  readonly config?: string;
}

export async function list(task: string | undefined, options: Options & { readonly limit: number }) {
  const { limit } = options;
  const request = { action: "list", limit, ...(task === undefined ? {} : { task }) } as const;
  // The desk's own answer.
  const { answer } = await ask<LetterList>(request, options);
  if (options.json) return printJson(answer);
  process.stdout.write(renderLetters(answer, task === undefined, process.stdout.columns));
}

export async function show(task: string, id: string, options: Options): Promise<void> {
  const { answer } = await ask<ShownLetter>({ action: "show", task, id }, options);
  if (options.json) return printJson(answer);
  process.stdout.write(renderLetter(task, answer));
}

export async function move(
  action: "replay" | "drop",
  task: string,
  ids: readonly string[],
  options: Options & { readonly all?: boolean },
): Promise<void> {
  const { all = false } = options;
  if (all !== (ids.length === 0)) {
    throw new CommandError(`Name the ids of the letters to ${action}, or give --all; not both.`);
  }
  const { answer, running } = await ask<Moved>({ action, task, ids: all ? "all" : ids }, options);
  if (options.json) printJson(answer);
  else process.stderr.write(`${told(action, task, answer, running)}\n`);
  for (const { id, message } of options.json ? [] : answer.refused) {
    process.stderr.write(`${id} stays: ${message}\n`);
  }
  if (answer.refused.length > 0) process.exitCode = 1;
}

function told(action: "replay" | "drop", task: string, { moved }: Moved, running: boolean): string {
  const letters = moved === 1 ? "1 dead letter" : `${moved} dead letters`;
  if (action === "drop") return `dropped ${letters} of ${task}`;
  return `replayed ${letters} of ${task}${moved > 0 && !running ? ": worked on at the next weir run" : ""}`;
}

/** Asks the running process, or opens the data directory if none runs. `A` is what the desk answers to such a request. */
async function ask<A extends LetterList | ShownLetter | Moved>(
  request: DeadLetterRequest,
  options: Options,
): Promise<{ answer: A; running: boolean }> {
  const config = runtimeConfig(await loadConfig(process.cwd(), options.config));
  const answer = await tellRunning(config.dataDir, { kind: "deadletters", request });
  if (answer !== undefined) return { answer: answer as unknown as A, running: true };
  const rest = await openAtRest(config, process.env);
  try {
    const plan = (await rest.head.getNote(LAST_PLAN)) as unknown as Plan | undefined; // written by the runtime
    const desk = new DeadLetterDesk(rest.head, rest.store, plan);
    const found: Json = answerJson(await desk.answer(request));
    return { answer: found as unknown as A, running: false };
  } finally {
    await rest.close();
  }
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
