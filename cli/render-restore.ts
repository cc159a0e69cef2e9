import type { RestoreReport } from "../runtime/restore/restore.ts";
import { number } from "./render-status.ts";

/** For people. Pure: from values to text. */
export function renderRestore(report: RestoreReport, dryRun: boolean): string {
  const { store, restoredTo, collections, tasks, passedOver } = report;
  const verb = dryRun ? "would restore" : "restored";
  const width = Math.max(0, ...collections.map(({ name }) => name.length));
  const lines = [
    `${verb} from ${store}`,
    `to the commits until ${restoredTo}; what was committed later is lost`,
    "",
    ...collections.map(({ name, documents }) => `  ${name.padEnd(width)}  ${number(documents)} documents`),
    "",
    `with position, cursor and state of ${tasks.length === 0 ? "no task" : tasks.join(", ")}`,
    ...passedOver.map((reason) => `passed over a newer cut: ${reason}`),
    "",
    'Run "weir run" to go on. A target that holds documents from after that time is emptied and filled from history.',
    ...(dryRun
      ? []
      : ["A process that still runs on the former data directory ends when it next looks at the store."]),
  ];
  return `${lines.join("\n")}\n`;
}
