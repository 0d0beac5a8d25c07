export function* lines(state, chunk) { state.rest = (state.rest ?? '') + chunk; let i; while ((i = state.rest.indexOf('\n')) >= 0) { yield state.rest.slice(0, i); state.rest = state.rest.slice(i + 1); } }
export const host = process.env.HOST ?? 'localhost';
export const port = Number(process.env.PORT ?? 7777);
