import { RespArguments } from "./resp.ts";
import type { RowForm } from "./row-form.ts";
import { STORE_JSON } from "./scripts.ts";
import type { Template } from "./template.ts";

/** The whole document as a JSON text. */
export function jsonRows(template: Template): RowForm {
  const [keys, values] = [new RespArguments(), new RespArguments()];
  return {
    type: "string",
    script: STORE_JSON,
    trial: [["1"], [""]],
    pattern: template.pattern,
    owns: template.owns,
    encode: (changes) => {
      keys.clear();
      values.clear();
      for (const change of changes) {
        keys.add(template.render(change.key));
        values.add(change.op === "remove" ? "" : JSON.stringify(change.document));
      }
      return { keys, values };
    },
    load: async (redis, ofRows) => {
      if (ofRows.length === 0) return [];
      const texts = await redis.mget(ofRows.map(template.render));
      return texts.map((text) => (text === null ? undefined : JSON.parse(text)));
    },
  };
}
