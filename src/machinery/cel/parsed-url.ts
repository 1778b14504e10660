/** An absolute URL, or an absolute path: the parts as they are written. */
export class ParsedUrl {
  readonly opaque = 'url';
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly escapedPath: string;
  readonly #query: string;

  constructor(text: string, match: RegExpExecArray) {
    const [, scheme = '', , host = '', path = '', query = ''] = match;
    const [, hostname = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(host) ?? [];
    this.text = text;
    this.scheme = scheme.toLowerCase();
    this.host = host;
    this.hostname = hostname.replace(/^\[|\]$/g, '');
    this.port = port;
    this.escapedPath = escapePath(path);
    this.#query = query;
  }

  equals(other: ParsedUrl): boolean {
    return this.text === other.text;
  }

  /** All values of each parameter; pairs that cannot be decoded are left out. */
  query(): Map<string, string[]> {
    const result = new Map<string, string[]>();
    for (const pair of this.#query.split('&')) {
      if (pair === '' || pair.includes(';')) continue;
      const [key = '', ...rest] = pair.split('=');
      const decoded = [decode(key), decode(rest.join('='))];
      const [name, value] = decoded;
      if (name === undefined || value === undefined) continue;
      const values = result.get(name);
      if (values === undefined) result.set(name, [value]);
      else values.push(value);
    }
    return result;
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function escapePath(path: string): string {
  // What is escaped already stays.
  return encodeURI(path.toWellFormed()).replaceAll('%25', '%').replace(/[?#]/g, encodeURIComponent);
}

const pattern =
  /^(?:([A-Za-z][A-Za-z0-9+.-]*):(?=\/))?(?:\/\/(?:([^@/?#]*)@)?([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?$/s;

/** @returns why not, if it is none; in the words of Go's net/url */
export function parseUrl(text: string): ParsedUrl | string {
  const failed = `parse ${JSON.stringify(text)}: `;
  if (text === '') return `${failed}empty url`;
  // oxlint-disable-next-line no-control-regex -- that is what it looks for
  if (/[\u0000-\u001f\u007f]/.test(text)) return `${failed}net/url: invalid control character in URL`;
  const match = pattern.exec(text);
  const absolute = text.startsWith('/') || /^[A-Za-z][A-Za-z0-9+.-]*:\//.test(text);
  if (match === null || !absolute) return `${failed}invalid URI for request`;
  const host = match[3] ?? '';
  if (/%(?![0-9a-fA-F]{2})/.test(match[4] ?? '')) return `${failed}invalid URL escape`;
  if (/[\s<>"]/.test(host) || /%/.test(host)) return `${failed}invalid character in host name`;
  if (!/^(?:\[[0-9a-fA-F:.]*\]|[^:[\]]*)(?::\d*)?$/.test(host)) return `${failed}invalid port after host`;
  return new ParsedUrl(text, match);
}
