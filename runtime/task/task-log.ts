import type { TaskLog } from "../../connectors/driver.ts";
import type { Report } from "./task.ts";

/** What a driver says of its task, as reports. */
export function taskLog(task: string, report: Report): TaskLog {
  return {
    info: (message) => report({ kind: "log", task, level: "info", message }),
    warn: (message) => report({ kind: "log", task, level: "warn", message }),
  };
}
