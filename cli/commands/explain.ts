import { explain as pageOf } from "../../compiler/diagnostics/explain.ts";
import { CommandError } from "../command-error.ts";

export async function explain(code: string): Promise<void> {
  const page = await pageOf(code);
  if (page === undefined) throw new CommandError(`There is no diagnostic ${code}; codes look like WEIR1001.`);
  process.stdout.write(page);
}
