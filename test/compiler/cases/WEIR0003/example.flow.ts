export const prices = { small: 100, large: 200 };
