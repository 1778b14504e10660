// node scripts/terminal-picture.mjs CAPTURE TITLE TEXT... > PICTURE.svg
// Makes a moving picture of what a program has drawn on a terminal. CAPTURE is its output with all control sequences:
//   script -qec 'stty cols 140; npm run --silent demo' /dev/null > CAPTURE
// Each TEXT, a regular expression, picks one frame: the first one with it, after the one picked before.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Seconds that a frame is seen, and the last one. */
const frameSeconds = 3;
const lastSeconds = 8;
/** Of the terminal, in characters. */
const columns = 140;
const rows = 22;
/** Of a character, in pixels. */
const width = 7.2;
const height = 17;
const margin = 14;
const barHeight = 30;

const csi = /\u001B\[([?\d;]*)([A-Za-z])/y; // oxlint-disable-line no-control-regex
const classOfCode = { 1: 'strong', 2: 'faint', 31: 'bad', 32: 'good' };

/**
 * What stood on the screen each time before some of it was drawn anew, and at the end.
 *
 * @returns frames of lines of characters: `{ char, style }`
 */
export function framesOf(text) {
  const frames = [];
  let lines = [[]];
  let [y, x, style] = [0, 0, ''];
  const control = {
    m: (code) => (style = classOfCode[code] ?? ''),
    A: up,
    J: erase,
    G: (n) => (x = Number(n) - 1),
  };
  function up(count) {
    frames.push(lines.map((line) => [...line]));
    y = Math.max(0, y - Number(count || 1));
  }
  function erase() {
    lines = [...lines.slice(0, y), lines[y].slice(0, x)];
  }
  for (let at = 0; at < text.length; at += 1) {
    csi.lastIndex = at;
    const [all, parameters, letter] = csi.exec(text) ?? [];
    if (all !== undefined) {
      control[letter]?.(parameters);
      at += all.length - 1;
    } else if (text[at] === '\r') x = 0;
    else if (text[at] === '\n') {
      y += 1;
      lines[y] ??= [];
    } else if (text[at] >= ' ') {
      if (x === columns) {
        [x, y] = [0, y + 1];
        lines[y] ??= [];
      }
      lines[y][x] = { char: text[at], style };
      x += 1;
    }
  }
  return [...frames, lines];
}

function textOf(frame) {
  return frame
    .map((line) =>
      Array.from(line, (cell) => cell?.char ?? ' ')
        .join('')
        .trimEnd(),
    )
    .join('\n')
    .trimEnd();
}

/** @throws Error for a pattern that no frame has */
export function pick(frames, patterns) {
  let from = 0;
  return patterns.map((pattern) => {
    const found = frames.findIndex((frame, i) => i >= from && new RegExp(pattern).test(textOf(frame)));
    if (found === -1) throw new Error(`no frame with ${pattern}`);
    from = found;
    return frames[found];
  });
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Runs of characters of one style. */
function runsOf(line) {
  const runs = [];
  for (const { char, style } of Array.from(line, (cell) => cell ?? { char: ' ', style: '' })) {
    if (runs.at(-1)?.style !== style) runs.push({ style, text: '' });
    runs.at(-1).text += char;
  }
  return runs;
}

function lineOf(line, y) {
  const runs = runsOf(line).map(({ style, text }) =>
    style === '' ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`,
  );
  return `<text x="${margin}" y="${y}">${runs.join('')}</text>`;
}

/** The last lines, as a terminal shows them that has scrolled. */
function frameOf(frame, i) {
  const used = textOf(frame).split('\n').length;
  const lines = frame.slice(Math.max(0, used - rows), used).flatMap((line, row) => {
    const y = barHeight + margin + (row + 0.75) * height;
    return line.length === 0 ? [] : [lineOf(line, y)];
  });
  return `<g xml:space="preserve" id="f${i}">\n${lines.join('\n')}\n</g>`;
}

/** Where nothing moves, the last frame is seen. */
function motion(count) {
  const total = (count - 1) * frameSeconds + lastSeconds;
  const percent = (i) => `${((100 * i * frameSeconds) / total).toFixed(2)}%`;
  const rules = Array.from({ length: count }, (_, i) => {
    const end = i === count - 1 ? '100%' : percent(i + 1);
    const before = i === 0 ? '' : `0%{opacity:0}`;
    const after = i === count - 1 ? '' : `${end},100%{opacity:0}`;
    return `@keyframes k${i}{${before}${percent(i)}{opacity:1}${after}} #f${i}{animation:k${i} ${total}s step-end infinite}`;
  });
  const still = Array.from({ length: count - 1 }, (_, i) => `#f${i}`).join(',');
  return `${still}{opacity:0}\n@media (prefers-reduced-motion:no-preference){\n${rules.join('\n')}\n}`;
}

/** An SVG that shows the frames one after the other, with the colours of who looks at it. */
export function picture(title, frames) {
  const [w, h] = [Math.ceil(columns * width + 2 * margin), barHeight + rows * height + 2 * margin];
  const dots = [0, 1, 2].map(
    (i) => `<circle class="dot" cx="${margin + 6 + i * 18}" cy="${barHeight / 2}" r="5"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" aria-label="${escaped(title)}">
<style>
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:#1f2328}
.back{fill:#fff;stroke:#d0d7de} .bar{fill:#f0f2f5} .dot{fill:#d0d7de}
.strong{font-weight:bold} .faint{fill:#656d76} .good{fill:#1a7f37} .bad{fill:#cf222e}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3} .back{fill:#0d1117;stroke:#30363d} .bar{fill:#161b22} .dot{fill:#30363d}
.faint{fill:#8b949e} .good{fill:#3fb950} .bad{fill:#f85149}
}
${motion(frames.length)}
</style>
<rect class="back" x="0.5" y="0.5" width="${w - 1}" height="${h - 1}" rx="8"/>
<path class="bar" d="M1 ${barHeight}V9a8 8 0 0 1 8-8H${w - 9}a8 8 0 0 1 8 8V${barHeight}Z"/>
${dots.join('')}
<text class="faint" x="${w / 2}" y="${barHeight / 2 + 4}" text-anchor="middle">${escaped(title)}</text>
${frames.map(frameOf).join('\n')}
</svg>
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [capture, title, ...patterns] = process.argv.slice(2);
  process.stdout.write(picture(title, pick(framesOf(readFileSync(capture, 'utf8')), patterns)));
}
