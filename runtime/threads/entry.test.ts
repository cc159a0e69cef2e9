import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };

// Without `keepFreedMemory` all pages are fetched in every round: some 6,000 of them.
it.runIf(header.glibcVersionRuntime !== undefined)(
  "buffers that are given back are used again, and not fetched anew from the kernel",
  () => {
    // In a process of its own: malloc remembers what was freed before.
    const code = `
      import { keepFreedMemory } from ${JSON.stringify(join(import.meta.dirname, "entry.ts"))};
      keepFreedMemory();
      const round = () => {
        const buffers = Array.from({ length: 24 }, () => Buffer.allocUnsafeSlow(1024 * 1024).fill(1));
        for (const { buffer } of buffers) buffer.transfer(0);
      };
      for (let i = 0; i < 20; i++) round();
      const before = process.resourceUsage().minorPageFault;
      for (let i = 0; i < 20; i++) round();
      console.log(process.resourceUsage().minorPageFault - before);`;
    const args = ["--conditions=weir-source", "--input-type=module", "--eval", code];
    const pages = Number(execFileSync(process.execPath, args, { encoding: "utf8" }));
    expect(pages / 20).toBeLessThan(600);
  },
);
