import { describe, expect, test } from 'vitest';
import { liveScreen, plainScreen, type Screen, type Terminal } from './demo-screen.ts';
import { faultyCause } from './demo-traffic.ts';
import { colourStyle, memberLines, type MemberRow, plainStyle, resultLines, stepLine } from './demo-view.ts';

const nothing = { successRate: undefined, p99: undefined };
const resting: MemberRow = {
  name: 'kurator-member1',
  phase: 'Initialized',
  iterations: 0,
  failedChecks: 0,
  split: '100/0',
  tested: nothing,
  users: { successRate: 1, p99: 4.21 },
  version: '6.5.4',
};
const failed: MemberRow = {
  ...resting,
  name: 'kurator-member2',
  phase: 'Failed',
  iterations: 1,
  failedChecks: 2,
  tested: { successRate: 0.66667, p99: 812.4 },
  users: { successRate: 0.99999, p99: 12.6 },
};

const report = {
  steps: [
    { id: 'install', ok: true, detail: 'running', ms: 2345 },
    { id: 'promoted', ok: false, detail: 'the primary is 6.5.4', ms: 90_000 },
  ],
  traffic: { sent: 1000, failed: { [faultyCause]: 3, 'lost: 503 from a proxy': 2 } },
};

describe('what it looks like', () => {
  test('a row for each member', () => {
    expect(memberLines([resting, failed], plainStyle, 200)).toEqual([
      'CLUSTER          PHASE        ITERATION  FAILED CHECKS  SPLIT  TESTED OK  P99     USERS OK  P99     SERVED BY',
      'kurator-member1  Initialized  0          0              100/0  -          -       100.00 %  4.2 ms  6.5.4',
      // Never rounded up to what it is not.
      'kurator-member2  Failed       1          2              100/0  66.66 %    812 ms  99.99 %   13 ms   6.5.4',
    ]);
    expect(memberLines([], plainStyle, 200)).toEqual([]);
  });

  test('no line is wider than the terminal, whatever its colour', () => {
    for (const line of memberLines([resting, failed], colourStyle, 20)) {
      expect(withoutCodes(line).length).toBeLessThanOrEqual(20);
    }
    expect(memberLines([resting, failed], colourStyle, 200)[2]).toMatch(
      new RegExp(`^${escape}\\[31m.*${escape}\\[0m$`),
    );
  });

  test('a line for each step', () => {
    const [good, bad] = report.steps.map((step) => stepLine(step, plainStyle));
    expect(good).toBe('ok    install            2.3 s  running');
    expect(bad).toBe('FAIL  promoted          90.0 s  the primary is 6.5.4');
  });

  test('the end: a table, and what users had of it', () => {
    expect(resultLines(report, plainStyle)).toEqual([
      'STEP      RESULT  TIME    WHAT WAS SEEN',
      'install   ok      2.3 s   running',
      'promoted  FAILED  90.0 s  the primary is 6.5.4',
      '',
      '1000 requests of users, 2 lost',
      '  2  lost: 503 from a proxy',
      `  3  ${faultyCause}`,
    ]);
  });
});

function record(
  screen: (terminal: Terminal) => Screen,
  columns = 200,
): { screen: Screen; text: () => string } {
  let text = '';
  const write = (more: string): void => void (text += more);
  const terminal = { write, columns: () => columns, colours: true, elapsed: () => 1234 };
  return { screen: screen(terminal), text: () => text };
}

function play(screen: Screen): void {
  screen.begin('clusters start');
  screen.show([resting]);
  screen.show([resting]);
  screen.note('kurator-member1: Halt');
  screen.done({ id: 'install', ok: true, detail: 'running', ms: 5 });
  screen.show([{ ...resting, users: { successRate: 0.5, p99: 2 } }]);
  screen.show([failed]);
  screen.finish(report);
  screen.close();
}

describe('screens', () => {
  test('plain: each change is one line, without codes of terminals', () => {
    const { screen, text } = record(plainScreen);
    play(screen);
    expect(text()).not.toContain('\u001B');
    expect(text().split('\n').slice(0, 6)).toEqual([
      '  1.2 s  clusters start ...',
      '  1.2 s  kurator-member1 Initialized, iteration 0, failed checks 0, split 100/0',
      '  1.2 s  kurator-member1: Halt',
      '  1.2 s  ok    install            0.0 s  running',
      '  1.2 s  kurator-member2 Failed, iteration 1, failed checks 2, split 100/0',
      '',
    ]);
  });

  test('live: in the end a terminal shows what is done, and nothing that was drawn on the way', () => {
    const { screen, text } = record(liveScreen);
    play(screen);
    expect(text().endsWith('\u001B[?25h')).toBe(true);
    const lines = onTerminal(text());
    expect(lines.slice(0, 4)).toEqual([
      'kurator-member1: Halt',
      'ok    install            0.0 s  running',
      '',
      'STEP      RESULT  TIME    WHAT WAS SEEN',
    ]);
  });

  test('live: a terminal shows what goes on below what is done', () => {
    const { screen, text } = record(liveScreen, 40);
    screen.begin('clusters start');
    screen.show([resting, failed]);
    screen.note('kurator-member1: Halt');
    screen.show([resting, failed]);
    expect(onTerminal(text()).map((line) => line.slice(0, 23))).toEqual([
      'kurator-member1: Halt',
      '   1.2 s  clusters star',
      'CLUSTER          PHASE ',
      'kurator-member1  Initia',
      'kurator-member2  Failed',
      '',
    ]);
  });
});

/** Begins what a terminal takes as a command. */
const escape = '\u001B';

function withoutCodes(text: string): string {
  return text.replaceAll(new RegExp(`${escape}\\[[\\d;?]*[a-zA-Z]`, 'g'), '');
}

/** What a terminal shows after this text, which only goes to the beginnings of lines above and erases from there on. */
function onTerminal(text: string): string[] {
  let lines: string[] = [''];
  for (const part of text.split(new RegExp(`(?=${escape}\\[\\d+A\\r${escape}\\[J)`))) {
    const [, up = '0'] = new RegExp(`^${escape}\\[(\\d+)A`).exec(part) ?? [];
    if (up !== '0') lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
    const [first = '', ...rest] = withoutCodes(part).replace(/^\r/, '').split('\n');
    lines = [...lines.slice(0, -1), `${lines.at(-1)}${first}`, ...rest];
  }
  return lines;
}
