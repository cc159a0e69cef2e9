import { loadConfig } from "../../compiler/config/config-file.ts";
import { tellRunning } from "../../runtime/control/client.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { dropByName, keptNames } from "../../runtime/rebuild/drop.ts";
import { CommandError } from "../command-error.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface DropOptions {
  readonly json?: boolean;
  readonly config?: string;
}

/** Without a name it lists what there is to drop. */
export async function drop(name: string | undefined, { json, config: path }: DropOptions): Promise<void> {
  const config = runtimeConfig(await loadConfig(process.cwd(), path));
  const told = await tellRunning(config.dataDir, { kind: "drop", name: name ?? null });
  // The answer of the same function, in the other process.
  const names = told === undefined ? await dropAtRest(config, name) : (told as readonly string[]);
  if (json)
    process.stdout.write(`${JSON.stringify(name === undefined ? { kept: names } : { dropped: names })}\n`);
  else if (name === undefined) process.stdout.write(names.map((each) => `${each}\n`).join(""));
  if (name !== undefined && names.length === 0) {
    throw new CommandError(`Nothing is kept of "${name}". weir drop without a name lists what is kept.`);
  }
  if (name !== undefined && !json) process.stderr.write(`dropped ${names.join(", ")}\n`);
  else if (names.length === 0 && !json) process.stderr.write("nothing is kept\n");
}

async function dropAtRest(
  config: ReturnType<typeof runtimeConfig>,
  name: string | undefined,
): Promise<readonly string[]> {
  const { head, close } = await openAtRest(config, process.env);
  try {
    if (name === undefined) return await keptNames(head);
    return await dropByName(head, name, {
      environment: process.env,
      baseDir: config.settings.baseDir,
      tell: (task, message) => process.stderr.write(`${task}: ${message}\n`),
    });
  } finally {
    await close();
  }
}
