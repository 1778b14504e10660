import type { PodinfoConfig } from './config.ts';

/** The page that a browser gets: who serves it, in the colour of its configuration. */
export function indexPage({ hostname, uiColor, uiLogo, uiMessage, version }: PodinfoConfig): string {
  return `<!DOCTYPE html>
<html>
<head>
  <meta charset="utf-8">
  <title>${escape(hostname)}</title>
  <style>
    body { background: ${escape(uiColor)}; color: white; font-family: sans-serif; text-align: center; }
  </style>
</head>
<body>
  <img src="${escape(uiLogo)}" height="350" alt="">
  <h1>${escape(uiMessage)}</h1>
  <p>Served by <b>${escape(hostname)}</b></p>
  <p>podinfo version ${escape(version)}</p>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
