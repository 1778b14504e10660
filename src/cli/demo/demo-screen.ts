import type { Report, StepResult } from './demo-report.ts';
import {
  colourStyle,
  memberLines,
  type MemberRow,
  newsOf,
  plainStyle,
  resultLines,
  seconds,
  stepLine,
  type Style,
} from './demo-view.ts';

/** Where the demo is seen. */
export interface Screen {
  begin(title: string): void;
  /** What is worth knowing on the way. */
  note(text: string): void;
  done(result: StepResult): void;
  /** Shows members as they are now. */
  show(members: readonly MemberRow[]): void;
  finish(report: Report): void;
  /** Leaves the terminal as it was. May be called twice. */
  close(): void;
}

export interface Terminal {
  readonly write: (text: string) => void;
  readonly columns: () => number;
  readonly colours: boolean;
  /** Milliseconds since the start. */
  readonly elapsed: () => number;
}

/** Lines, for files and pipes. */
export function plainScreen({ write, elapsed }: Terminal): Screen {
  const seen = new Map<string, string>();
  const line = (text: string): void => write(`${seconds(elapsed()).padStart(7)}  ${text}\n`);
  return {
    begin: (title) => line(`${title} ...`),
    note: line,
    done: (result) => line(stepLine(result, plainStyle)),
    show: (members) => {
      for (const member of members) {
        const news = newsOf(member);
        if (seen.get(member.name) === news) continue;
        seen.set(member.name, news);
        line(news);
      }
    },
    finish: (report) => write(`\n${resultLines(report, plainStyle).join('\n')}\n`),
    close: () => {},
  };
}

const hideCursor = '\u001B[?25l';
const showCursor = '\u001B[?25h';
/** To the beginning of a line so many above; erase from there to the end of the screen. */
const eraseLines = (count: number): string => (count === 0 ? '' : `\u001B[${count}A\r\u001B[J`);

/** What is done stays above; below it, what goes on is drawn again and again. */
export function liveScreen({ write, columns, colours, elapsed }: Terminal): Screen {
  const style: Style = colours ? colourStyle : plainStyle;
  let title = '';
  let members: readonly MemberRow[] = [];
  let drawn = 0;
  let isClosed = false;
  const above = (...lines: readonly string[]): void => {
    const text = lines.map((line) => `${line}\n`).join('');
    write(`${eraseLines(drawn)}${text}`);
    drawn = 0;
  };
  const draw = (): void => {
    if (isClosed) return;
    const width = columns();
    const now = `${seconds(elapsed()).padStart(8)}  ${title}`.slice(0, width);
    const lines = [...(title === '' ? [] : [style.strong(now)]), ...memberLines(members, style, width)];
    write(`${hideCursor}${eraseLines(drawn)}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  return {
    begin: (text) => {
      title = text;
      draw();
    },
    note: (text) => {
      above(text);
      draw();
    },
    done: (result) => {
      title = '';
      above(stepLine(result, style));
      draw();
    },
    show: (rows) => {
      members = rows;
      draw();
    },
    finish: (report) => {
      title = '';
      above('', ...resultLines(report, style));
      isClosed = true;
    },
    close: () => {
      isClosed = true;
      write(showCursor);
    },
  };
}
