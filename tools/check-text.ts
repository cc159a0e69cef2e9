/**
 * `npm run check:text`: no tracked or new text file names a place of one machine or the host of a package registry,
 * and every relative link of a Markdown page leads to a file.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");

const forbidden: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: "an absolute path of one machine", pattern: /(?<![\w.}~-])\/(?:work|root|home|Users)\/[\w.-]+/ },
  { what: "a package registry's host", pattern: /registry\.(?:npmjs|yarnpkg|npmmirror)\.\w+/ },
  { what: "a package registry's host", pattern: /(?:proxy\.golang|pypi|crates)\.(?:org|io)\b/ },
  { what: "where a package was downloaded", pattern: /"resolved": "https?:/ },
];

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
  cwd: root,
  encoding: "utf8",
});
const files = listed.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));

let found = 0;
for (const file of files) {
  const text = readFileSync(join(root, file), "utf8");
  if (text.includes("\0")) continue;
  for (const [index, line] of text.split("\n").entries()) {
    for (const { what, pattern } of forbidden) {
      const match = line.match(pattern);
      if (match === null) continue;
      console.error(`${file}:${index + 1}: ${match[0]} is ${what}`);
      found++;
    }
    if (!file.endsWith(".md")) continue;
    for (const [, target = ""] of line.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target) || existsSync(join(root, dirname(file), target))) continue;
      console.error(`${file}:${index + 1}: ${target} does not exist`);
      found++;
    }
  }
}
console.log(`${files.length} files read, ${found} faults`);
process.exitCode = found === 0 ? 0 : 1;
