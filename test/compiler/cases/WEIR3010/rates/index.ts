export { rate } from "#rate";
