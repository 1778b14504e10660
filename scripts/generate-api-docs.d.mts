/** The text of docs/api.md with its tables made anew from the definitions. */
export function withTables(text: string): string;
