export const rate = 2;
export { missing } from "./nowhere/at-all.js";
