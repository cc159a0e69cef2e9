import { loadConfig } from "../../compiler/config/config-file.ts";
import { restore as restoreFromStore } from "../../runtime/restore/restore.ts";
import { renderRestore } from "../render-restore.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface RestoreOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly config?: string;
}

export async function restore({ dryRun = false, json, config: file }: RestoreOptions): Promise<void> {
  const config = runtimeConfig(await loadConfig(process.cwd(), file));
  const report = await restoreFromStore(config, process.env, { dryRun });
  process.stdout.write(
    json ? `${JSON.stringify({ ...report, dryRun }, undefined, 2)}\n` : renderRestore(report, dryRun),
  );
}
