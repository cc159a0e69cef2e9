import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };

// Without `keepFreedMemory` all 256 pages of a buffer are fetched in every round, unless something stands behind them on the heap:
// of so many numbers of buffers that is so for some.
it.runIf(header.glibcVersionRuntime !== undefined)(
  "buffers that are given back are used again, and not fetched anew from the kernel",
  () => {
    // In a process of its own: malloc remembers what was freed before.
    const code = `
      import { keepFreedMemory } from ${JSON.stringify(join(import.meta.dirname, "entry.ts"))};
      keepFreedMemory();
      const round = (buffers) => {
        const filled = Array.from({ length: buffers }, () => Buffer.allocUnsafeSlow(1024 * 1024).fill(1));
        for (const { buffer } of filled) buffer.transfer(0);
      };
      const pages = [5, 8, 11, 14, 17, 20, 23].map((buffers) => {
        for (let i = 0; i < 20; i++) round(buffers);
        const before = process.resourceUsage().minorPageFault;
        for (let i = 0; i < 20; i++) round(buffers);
        return (process.resourceUsage().minorPageFault - before) / 20 / buffers;
      });
      console.log(Math.max(...pages));`;
    const args = ["--conditions=weir-source", "--input-type=module", "--eval", code];
    const pagesPerBuffer = Number(execFileSync(process.execPath, args, { encoding: "utf8" }));
    expect(pagesPerBuffer).toBeLessThan(25);
  },
);
