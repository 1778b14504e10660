const most = 5;

/** The first few of many, and how many more there are. */
export function few(items: readonly string[], separator = '; '): string {
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return items.slice(0, most).join(separator) + more;
}
