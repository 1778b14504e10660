import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { Channel } from '../../base/channel.ts';
import { silentLog } from '../../base/log.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import type { HttpRequest } from '../../base/network.ts';
import type { Program } from '../../base/program.ts';
import { seededRandom } from '../../base/random.ts';
import { bytesResponse } from '../apiserver/bytes-response.ts';
import { podinfo } from '../podinfo/podinfo.ts';
import { createShell } from './shell.ts';

const shout: Program = async ({ argv, stdin, stdout }) => {
  stdout(`${argv.join(' ').toUpperCase()}\n`);
  for await (const bytes of stdin) stdout(Buffer.from(bytes).toString('utf8').toUpperCase());
  return argv.length;
};

/** A program that runs until it is told to stop, and then says so. */
const patient: Program = async ({ stdout, signal }) => {
  stdout('waiting\n');
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  stdout('summary\n');
  return 0;
};

/** A container at 10.0.0.2 with a web server beside it at http://web. */
class World {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork((name) => (['web', 'dead'].includes(name) ? ['10.0.0.1'] : []));
  readonly files = new MemoryFiles({
    '/etc/motd': 'hello\nworld\n',
    '/etc/deep/a': 'A',
    '/big': 'x'.repeat(1000),
  });
  readonly stop = new AbortController();
  readonly seen: { readonly request: HttpRequest; readonly body: string }[] = [];
  env: Record<string, string> = { HOSTNAME: 'pod-0', GREETING: 'hi there' };
  out = '';
  err = '';

  async serve(): Promise<void> {
    await this.network.host('10.0.0.1').listen(80, {
      http: async (request) => {
        const body = Buffer.concat(await Array.fromAsync(request.body())).toString('utf8');
        this.seen.push({ request, body });
        const [path = ''] = request.url.split('?');
        if (path === '/slow') await this.clock.sleep(5000, request.signal);
        if (path === '/loop') return bytesResponse(302, { location: '/loop' }, Buffer.alloc(0));
        if (path === '/moved') return bytesResponse(302, { location: '/new' }, Buffer.from('old\n'));
        const status = Number(/^\/(\d{3})$/.exec(path)?.[1] ?? 200);
        return bytesResponse(
          status,
          { 'content-type': 'text/plain', server: 'test' },
          Buffer.from('hello\n'),
        );
      },
    });
  }

  start(
    argv: readonly string[],
    stdin: AsyncIterable<Uint8Array> = (async function* () {})(),
    tty = false,
  ): Promise<number> {
    return createShell({ commands: { shout, patient }, processes: () => ['./podinfo --port=9898'] })({
      argv,
      env: this.env,
      files: this.files,
      stdin,
      stdout: (text) => {
        this.out += text;
      },
      stderr: (text) => {
        this.err += text;
      },
      workingDir: '/',
      tty,
      resizes: (async function* () {})(),
      signal: this.stop.signal,
      seams: {
        clock: this.clock,
        random: seededRandom('shell'),
        fetch: () => Promise.reject(new Error('not the way')),
        upgrade: () => Promise.reject(new Error('not the way')),
        network: this.network.host('10.0.0.2'),
        log: silentLog,
      },
    });
  }

  run(...argv: string[]): Promise<number> {
    return this.clock.run(this.start(argv));
  }

  sh(script: string): Promise<number> {
    return this.run('sh', '-c', script);
  }

  async content(path: string): Promise<string> {
    return Buffer.from(await this.files.read(path)).toString('utf8');
  }
}

async function world(): Promise<World> {
  const made = new World();
  await made.serve();
  return made;
}

describe('syntax', () => {
  const table: [script: string, out: string, code?: number][] = [
    ['echo hello   world', 'hello world\n'],
    [`echo 'a  $GREETING' "b  $GREETING" c\\ \\$d`, 'a  $GREETING b  hi there c $d\n'],
    ['echo "a\\"b\\\\c\\n"', 'a"b\\c\\n\n'],
    ['echo $GREETING; echo "${GREETING}!"', 'hi there\nhi there!\n'],
    ['echo ${NONE:-none} ${NONE-x} ${GREETING:+set} ${#GREETING}.${NONE}', 'none x set 8.\n'],
    ['echo ${NONE:-"a  b"} ${A:=1}$A', 'a  b 11\n'],
    ['X=1; Y=$X$X; echo $Y; X=2 env | grep ^X=; echo $X', '11\nX=2\n1\n'],
    ['false; echo $?; true; echo $?', '1\n0\n'],
    ['true && echo a || echo b; false && echo c || echo d', 'a\nd\n'],
    ['! false && echo yes; ! true || echo no', 'yes\nno\n'],
    ['echo a; echo b # comment\necho c', 'a\nb\nc\n'],
    ['echo a#b "#c"', 'a#b #c\n'],
    ['for i in a "b c" $GREETING; do echo [$i]; done', '[a]\n[b c]\n[hi]\n[there]\n'],
    ['for i in $(seq 3); do if [ $i -eq 2 ]; then continue; fi; echo $i; done', '1\n3\n'],
    ['for i in 1 2; do for j in 1 2; do if test $j = 2; then break 2; fi; echo $i$j; done; done', '11\n'],
    ['i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done', '1\n2\n3\n'],
    ['i=3; until [ $i = 0 ]; do i=$((i - 1)); done; echo $i', '0\n'],
    ['if false; then echo a; elif true; then echo b; else echo c; fi', 'b\n'],
    ['echo $((2 + 3 * 4)) $(( (2+3)*4 )) $((7/2)) $((-7 % 3)) $((1 < 2 && 3 != 3))', '14 20 3 -1 0\n'],
    ['echo "a\nb\nc" | grep b | wc -l', '1\n'],
    ['echo `echo inner` "$(echo "a  b")" $(echo "a  b")', 'inner a  b a b\n'],
    ['x=$(false); echo $?', '1\n'],
    ['(cd /etc; pwd; A=1); pwd; echo .$A', '/etc\n/\n.\n'],
    ['{ echo a; echo b; } | head -n 1', 'a\n'],
    ['echo a > /tmp/x; echo b >> /tmp/x; cat < /tmp/x; cat /tmp/x', 'a\nb\na\nb\n'],
    [
      'cat /none 2>/dev/null; echo $?; cat /none 2>&1',
      "1\ncat: can't open '/none': No such file or directory\n",
      1,
    ],
    ['for i in 1 2; do echo $i; done > /tmp/y; cat /tmp/y', '1\n2\n'],
    ['printf "x y\\nz\\n" | while read a b; do echo "$b-$a"; done', 'y-x\n-z\n'],
    ['exit 3; echo no', '', 3],
    ['false', '', 1],
    ['sh -c "exit 4"; echo $?', '4\n'],
    ['set -e; false || true; if false; then :; fi; echo on; false; echo off', 'on\n', 1],
    ['set -- a b; echo $# $1 $2 "$@"; shift; echo $1', '2 a b a b\nb\n'],
    ['eval "echo a; X=5"; echo $X', 'a\n5\n'],
    ['export Z=9; env | grep Z; unset Z; echo .$Z', 'Z=9\n.\n'],
    ['seq 1000000 | head -1', '1\n'],
    ['echo ~ $0 $$', '/root sh 1\n'],
    ['echo a\\\nb', 'ab\n'],
    ['echo "" | wc -c; echo $NONE"" x', '1\n x\n'],
    ['command -v curl nope', 'curl\n', 127],
    ['/bin/echo a; /usr/bin/env | grep GREETING', 'a\nGREETING=hi there\n'],
    ['shout a b; echo $?', 'A B\n2\n'],
    ['echo in | shout', '\nIN\n'],
    ['cd /etc/deep && cat a && cd .. && cat motd | head -1', 'Ahello\n'],
  ];
  test.each(table)('%s', async (script, out, code = 0) => {
    const it = await world();
    expect(await it.sh(script)).toBe(code);
    expect(it.out).toBe(out);
    expect(it.err).toBe('');
  });

  const wrong: [script: string, err: string, code?: number][] = [
    ['foo bar', 'sh: foo: not found\n', 127],
    ['for i in 1; do echo', 'sh: syntax error: unexpected end of file (expecting "done")\n'],
    ['echo "abc', 'sh: syntax error: unterminated quoted string\n'],
    ['done', 'sh: syntax error: unexpected "done"\n'],
    ['echo a; ; echo b', 'sh: syntax error: unexpected ";"\n'],
    ['| cat', 'sh: syntax error: unexpected "|"\n'],
    ['sleep 1 &', 'sh: syntax error: background jobs are not supported here\n'],
    ['cat << EOF', 'sh: syntax error: here-documents are not supported here\n'],
    ['case a in a) ;; esac', 'sh: syntax error: "case" is not supported here\n'],
    ['f() { echo a; }', 'sh: syntax error: unexpected "("\n'],
    ['cd /nope', "cd: can't cd to /nope: No such file or directory\n"],
    ['cat < /none', "sh: can't open /none: no such file\n", 1],
    ['echo ${A?gone}', 'sh: A: gone\n'],
    ['echo $((1/0))', 'sh: arithmetic syntax error\n'],
    ['echo a > /etc', "sh: can't create /etc: Is a directory\n", 1],
    [`${'('.repeat(100)}echo${')'.repeat(100)}`, 'sh: syntax error: it is nested too deeply\n'],
    ['echo '.padEnd(70_000, 'x'), 'sh: syntax error: it is longer than 65536 characters\n'],
    ['x="eval \\$x"; eval $x', 'sh: syntax error: scripts are nested too deeply\n'],
  ];
  test.each(wrong)('%.60s is wrong', async (script, err, code = 2) => {
    const it = await world();
    expect(await it.sh(script)).toBe(code);
    expect(it.err).toBe(err);
  });
});

const commandLines = [
  'echo $x "$i"',
  'x=$x$x$i',
  'seq 100000',
  'cat',
  'cat /big /none',
  'read x',
  'head -n 1',
  'curl -s http://web/',
  'curl -m 1 http://web/slow',
  'wget -qO- http://web/404',
  'sleep 1',
  'break',
  'continue 2',
  'exit 3',
  'false',
  'set -e',
  'eval "$x"',
  'exec echo done',
  'grep -E "(a|b)*"',
  'printf "%5000d%s\\n" 1 2 3',
  'watch -n 1 date',
  'shout a',
  'tail -f /etc/motd',
  'timeout 0.1 cat',
];

describe('bounds', () => {
  test('a value that doubles for ever runs out of memory', async () => {
    const it = await world();
    expect(await it.sh('x=xxxxxxxx; while true; do x=$x$x; done')).toBe(2);
    expect(it.err).toBe('sh: out of memory\n');
  });

  test('an endless loop lets time pass, and ends with its container', async () => {
    const it = await world();
    const exit = it.start(['sh', '-c', 'while true; do true; done']);
    await it.clock.advance(50);
    it.stop.abort();
    expect(await it.clock.run(exit)).toBe(143);
  });

  test('an endless output into nothing lets time pass', async () => {
    const it = await world();
    const exit = it.start(['sh', '-c', 'seq 999999999 > /dev/null']);
    await it.clock.advance(20);
    it.stop.abort();
    expect(await it.clock.run(exit)).toBe(143);
  });

  test('timeout ends what it runs', async () => {
    const it = await world();
    expect(await it.sh('timeout 2 sleep 100; echo $?; timeout 5 true; echo $?')).toBe(0);
    expect(it.out).toBe('143\n0\n');
    expect(it.clock.monotonic()).toBe(2000);
  });

  test('any text ends, in bounds, without an error of ours', async () => {
    const signs = [
      '$x',
      '${x:-',
      '}',
      '"',
      "'",
      '`',
      '$(',
      ')',
      '(',
      '{',
      ';',
      '&&',
      '||',
      '|',
      '>',
      '<',
      '2>&1',
      '\n',
      '\\',
      '!',
    ];
    const words = [
      'while',
      'true',
      'do',
      'done',
      'for',
      'i',
      'in',
      'if',
      'then',
      'fi',
      'break',
      '$((',
      '))',
      'x=1',
      'x=$x$x',
    ];
    const names = [
      'echo',
      'cat',
      'seq 5',
      'read x',
      'curl web',
      'grep',
      'exit',
      'eval',
      'sh -c',
      'printf',
      '%s',
      'test',
      '[',
      '/tmp/f',
    ];
    const word = fc.constantFrom(...signs.concat(words, names));
    const simple = fc.constantFrom(...commandLines);
    const { script: wellFormed } = fc.letrec<{ script: string }>((tie) => ({
      script: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        simple,
        fc
          .tuple(fc.constantFrom(' | ', ' && ', ' || ', '; ', '\n'), tie('script'), tie('script'))
          .map(([operator, left, right]) => `{ ${left}; }${operator}{ ${right}; }`),
        tie('script').map((inner) => `while true; do ${inner}; done`),
        tie('script').map((inner) => `for i in 1 2 $x "$@"; do ${inner}; done`),
        fc.tuple(tie('script'), tie('script')).map(([a, b]) => `if ${a}; then ${b}; else ${b}; fi`),
        tie('script').map((inner) => `x=$(${inner})`),
        tie('script').map((inner) => `( ${inner} ) > /tmp/f 2>&1`),
        tie('script').map((inner) => `sh -c '${inner.replaceAll("'", '')}'`),
      ),
    }));
    const script = fc.oneof(
      wellFormed,
      fc.array(word, { maxLength: 30 }).map((words) => words.join(' ')),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(script, async (text) => {
        const it = await world();
        const exit = it.start(['sh', '-c', text]);
        await it.clock.advance(300);
        it.stop.abort();
        const code = await it.clock.run(exit);
        expect(Number.isInteger(code) && code >= 0 && code <= 255).toBe(true);
        expect(it.err).not.toMatch(/undefined|is not a function|Cannot read/);
      }),
      { numRuns: 250 },
    );
  });
});

describe('commands', () => {
  const table: [script: string, out: string, code?: number][] = [
    ['echo -n a; echo -e "b\\tc"', 'ab\tc\n'],
    ['cat /etc/motd', 'hello\nworld\n'],
    ['head -1 /etc/motd; tail -n 1 /etc/motd; head -c 3 /etc/motd', 'hello\nworld\nhel'],
    ['ls /etc; ls /; ls /etc/motd', 'deep\nmotd\nbig\netc\n/etc/motd\n'],
    [
      'ls -l /etc',
      'drwxr-xr-x    1 root     root             0 deep\n-rw-r--r--    1 root     root            12 motd\n',
    ],
    [
      'wc -l /etc/motd; wc -c < /etc/motd; wc /etc/motd',
      '2 /etc/motd\n12\n        2         2        12 /etc/motd\n',
    ],
    ['seq 3; seq 2 4; seq 1 2 5; seq -s, 3; seq 3 1', '1\n2\n3\n2\n3\n4\n1\n3\n5\n1,2,3\n'],
    [
      'grep o /etc/motd; grep -c o /etc/motd; grep -n w /etc/motd; grep -v w /etc/motd',
      'hello\nworld\n2\n2:world\nhello\n',
    ],
    ['grep -o "[lo]*" /etc/motd', 'llo\no\nl\n'],
    [
      'echo "a+b (c)" | grep -o "a+b (c)"; echo aab | grep -oE "a+"; echo a.b | grep -F a.b',
      'a+b (c)\naa\na.b\n',
    ],
    ['echo ABC | grep -i "b\\(c\\|d\\)"; grep zz /etc/motd', 'ABC\n', 1],
    ['printf "%s-%d|%5.2f|%-4s|%04d|%x|%%\\n" a 3 3.14159 b 42 255', 'a-3| 3.14|b   |0042|ff|%\n'],
    ['printf "%s\\n" a b c', 'a\nb\nc\n'],
    [
      'date; date +%s; date -u +%Y-%m-%dT%H:%M:%SZ',
      'Thu Jan  1 00:00:00 UTC 2026\n1767225600\n2026-01-01T00:00:00Z\n',
    ],
    [
      'hostname; whoami; id; uname; uname -a',
      'pod-0\nroot\nuid=0(root) gid=0(root) groups=0(root)\nLinux\nLinux pod-0 6.6.0 x86_64\n',
    ],
    [
      'ps',
      'PID   USER     TIME  COMMAND\n    1 root      0:00 ./podinfo --port=9898\n    2 root      0:00 ps\n',
    ],
    ['which curl nope', '/bin/curl\n', 1],
    ['nslookup web', 'Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tweb\nAddress: 10.0.0.1\n\n'],
    [
      'nslookup nope',
      "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find nope: NXDOMAIN\n\n",
      1,
    ],
    ['getent hosts web', '10.0.0.1          web  web\n'],
    ['nc -z web 80; echo $?; nc -z web 81; echo $?', '0\n1\n'],
    ['[ -f /etc/motd ] && [ -d /etc ] && [ ! -e /none ] && [ -n a -a -z "" ] && echo ok', 'ok\n'],
    ['[ 2 -gt 1 -o 1 = 2 ]; echo $?; test a != b; echo $?; [ ]; echo $?', '0\n0\n1\n'],
    ['env -i A=1 env; env B=2 printenv B', 'A=1\n2\n'],
    ['sleep 1.5; sleep 1m; date +%T', '00:01:01\n'],
    ['kill 1', ''],
  ];
  test.each(table)('%s', async (script, out, code = 0) => {
    const it = await world();
    expect(await it.sh(script)).toBe(code);
    expect(it.out).toBe(out);
    expect(it.err).toBe('');
  });

  const wrong: [script: string, err: string, code: number][] = [
    ['ls /none', 'ls: /none: No such file or directory\n', 1],
    ['grep x /none', 'grep: /none: No such file or directory\n', 2],
    ['grep -E "("', /bad regex/.source, 2],
    ['head -x', 'head: unrecognized option: x\n', 1],
    ['sleep x', "sleep: invalid number 'x'\n", 1],
    ['sleep', 'sleep: missing operand\n', 1],
    ['[ 1 -eq x ]', '[: bad number: x\n', 2],
    ['[ a', '[: missing ]\n', 2],
    ['printf %q a', 'printf: %q: invalid format\n', 1],
  ];
  test.each(wrong)('%s fails', async (script, err, code) => {
    const it = await world();
    expect(await it.sh(script)).toBe(code);
    expect(it.err).toContain(err);
  });

  test('watch runs its command again and again until it is stopped', async () => {
    const it = await world();
    const exit = it.start(['watch', '-n', '1', 'curl', '-s', 'http://web/']);
    await it.clock.advance(2500);
    it.stop.abort();
    await it.clock.run(exit);
    expect(it.seen).toHaveLength(3);
    expect(it.out).toContain(
      '\u001B[H\u001B[JEvery 1.0s: curl -s http://web/    2026-01-01 00:00:01\n\nhello\n',
    );
  });

  test('tail -f shows what is added', async () => {
    const it = await world();
    const exit = it.start(['tail', '-n', '1', '-f', '/etc/motd']);
    await it.clock.advance(500);
    await it.files.write('/etc/motd', Buffer.from('hello\nworld\nagain\n'));
    await it.clock.advance(1000);
    it.stop.abort();
    await it.clock.run(exit);
    expect(it.out).toBe('world\nagain\n');
  });

  test('a command that no container has is not run', async () => {
    const it = await world();
    expect(await it.run('bogus')).toBe(126);
    expect(it.err).toContain('exec: "bogus": executable file not found in $PATH');
  });
});

describe('curl', () => {
  const table: [args: string, out: string, err?: string, code?: number][] = [
    ['http://web/', 'hello\n'],
    ['web', 'hello\n'],
    [
      '-i http://web/404',
      'HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\nserver: test\r\n\r\nhello\n',
    ],
    ['-I http://web/', 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nserver: test\r\n\r\n'],
    ['-f http://web/503', '', 'curl: (22) The requested URL returned error: 503\n', 22],
    ['-sf http://web/503', '', '', 22],
    ['-sSf http://web/404', '', 'curl: (22) The requested URL returned error: 404\n', 22],
    ['--fail-with-body -s http://web/404', 'hello\n', '', 22],
    ['http://nope/', '', 'curl: (6) Could not resolve host: nope\n', 6],
    [
      'http://web:81/',
      '',
      "curl: (7) Failed to connect to web port 81 after 0 ms: Couldn't connect to server\n",
      7,
    ],
    ['-s http://web:81/', '', '', 7],
    [
      '-m 2 http://web/slow',
      '',
      'curl: (28) Operation timed out after 2000 milliseconds with 0 bytes received\n',
      28,
    ],
    ['--max-time 0.5 --connect-timeout 1 -s http://web/slow', '', '', 28],
    ['ftp://web/', '', 'curl: (1) Protocol "ftp" not supported or disabled in libcurl\n', 1],
    ['http://', '', 'curl: (3) URL using bad/illegal format or missing URL\n', 3],
    ['-L http://web/moved', 'hello\n'],
    ['http://web/moved', 'old\n'],
    ['-sSL --max-redirs 2 http://web/loop', '', 'curl: (47) Maximum (2) redirects followed\n', 47],
    ["-s -o /dev/null -w '%{http_code} %{size_download}\\n' http://web/500", '500 6\n'],
    ["-s -o /dev/null -w '%{http_code}' http://web:81", '000', '', 7],
    [
      "-sL -o /dev/null -w '%{num_redirects} %{url_effective} %{time_total}' http://web/moved",
      '1 http://web/new 0.000000',
    ],
    ["-s -w '%{nope}%%' http://web/", 'hello\n%', "curl: unknown --write-out variable: 'nope'\n"],
    ['', '', "curl: try 'curl --help' or 'curl --manual' for more information\n", 2],
    [
      '--nope http://web',
      '',
      "curl: option --nope: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n",
      2,
    ],
    [
      '-X',
      '',
      "curl: option -X: requires parameter\ncurl: try 'curl --help' or 'curl --manual' for more information\n",
      2,
    ],
    [
      '-m x http://web',
      '',
      "curl: option -m: expected a proper numerical parameter\ncurl: try 'curl --help' or 'curl --manual' for more information\n",
      2,
    ],
    ['-s http://web/ http://web/', 'hello\nhello\n'],
  ];
  test.each(table)('curl %s', async (args, out, err = '', code = 0) => {
    const it = await world();
    expect(await it.sh(`curl ${args}`)).toBe(code);
    expect(it.out).toBe(out);
    expect(it.err).toBe(err);
  });

  test('sends what its flags say', async () => {
    const it = await world();
    await it.sh(
      `curl -s -X PUT -H 'X-Canary: always' -H 'Accept:' -b 'a=b' -A probe -u user:pass -d x=1 -d y=2 'http://web/p?q=1'`,
    );
    expect(it.seen[0]?.body).toBe('x=1&y=2');
    expect(it.seen[0]?.request).toMatchObject({ method: 'PUT', url: '/p?q=1' });
    expect(it.seen[0]?.request.headers).toEqual({
      host: 'web',
      'x-canary': 'always',
      cookie: 'a=b',
      'user-agent': 'probe',
      authorization: 'Basic dXNlcjpwYXNz',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': '7',
    });
  });

  test('-d posts, also from a file and from standard input; -G makes it a query; --json says so', async () => {
    const it = await world();
    await it.sh(
      'curl -sd @/etc/motd web; echo in | curl -s --data-binary @- web; curl -sG -d a=1 web/x; curl -s --json {} web',
    );
    expect(it.seen.map(({ request: { method, url }, body }) => [method, url, body])).toEqual([
      ['POST', '/', 'helloworld'],
      ['POST', '/', 'in\n'],
      ['GET', '/x?a=1', ''],
      ['POST', '/', '{}'],
    ]);
    expect(it.seen[3]?.request.headers).toMatchObject({ 'content-type': 'application/json' });
  });

  test('a POST that is redirected becomes a GET without its body', async () => {
    const it = await world();
    await it.sh('curl -sL -d x=1 web/moved');
    expect(it.seen.map(({ request: { method, url }, body }) => [method, url, body])).toEqual([
      ['POST', '/moved', 'x=1'],
      ['GET', '/new', ''],
    ]);
    expect(it.seen[1]?.request.headers).not.toHaveProperty('content-type');
  });

  test('--resolve changes where it goes, not the name it asks for', async () => {
    const it = await world();
    await it.sh('curl -sk --resolve app.example.com:80:10.0.0.1 http://app.example.com/');
    expect(it.seen[0]?.request.headers['host']).toBe('app.example.com');
    expect(it.out).toBe('hello\n');
  });

  test('-o and -O write files', async () => {
    const it = await world();
    await it.sh('cd /tmp; curl -s -o a http://web/; curl -sO http://web/b.txt');
    expect([await it.content('/tmp/a'), await it.content('/tmp/b.txt')]).toEqual(['hello\n', 'hello\n']);
  });

  test('-v tells both heads', async () => {
    const it = await world();
    await it.sh('curl -sv http://web/x');
    expect(it.err).toBe(
      '*   Trying 10.0.0.1:80...\n* Connected to web (10.0.0.1) port 80\n' +
        '> GET /x HTTP/1.1\r\n> Host: web\r\n> User-Agent: curl/8.5.0\r\n> Accept: */*\r\n> \r\n' +
        '< HTTP/1.1 200 OK\r\n< content-type: text/plain\r\n< server: test\r\n< \r\n' +
        '* Connection #0 to host web left intact\n',
    );
  });

  test('--retry tries again after what may pass', async () => {
    const it = await world();
    expect(await it.sh('curl -sf --retry 2 http://web/503')).toBe(22);
    expect(it.seen).toHaveLength(3);
    expect(it.clock.monotonic()).toBe(3000);
  });
});

describe('wget', () => {
  const bar = '100% |********************************|';
  const table: [args: string, out: string, err?: string, code?: number][] = [
    ['-qO- http://web/', 'hello\n'],
    [
      '-O - http://web/',
      'hello\n',
      `Connecting to web (10.0.0.1:80)\nwriting to stdout\n-                    ${bar}     6  0:00:00 ETA\nwritten to stdout\n`,
    ],
    [
      'http://web/a.txt',
      '',
      `Connecting to web (10.0.0.1:80)\nsaving to 'a.txt'\na.txt                ${bar}     6  0:00:00 ETA\n'a.txt' saved\n`,
    ],
    ['--spider http://web/', '', 'Connecting to web (10.0.0.1:80)\nremote file exists\n'],
    ['-q --spider http://web/404', '', 'wget: server returned error: HTTP/1.1 404 Not Found\n', 1],
    ['-q http://nope/', '', "wget: bad address 'nope'\n", 1],
    ['-q http://web:81/', '', "wget: can't connect to remote host (10.0.0.1): Connection refused\n", 1],
    ['-q -T 2 http://web/slow', '', 'wget: download timed out\n', 1],
    [
      '-S -qO- http://web/moved',
      'hello\n',
      '  HTTP/1.1 302 Found\n  location: /new\n  HTTP/1.1 200 OK\n  content-type: text/plain\n  server: test\n',
    ],
    ['', '', 'wget: missing URL\n', 1],
  ];
  test.each(table)('wget %s', async (args, out, err = '', code = 0) => {
    const it = await world();
    expect(await it.sh(`wget ${args}`)).toBe(code);
    expect(it.out).toBe(out);
    expect(it.err).toBe(err);
  });

  test('--header and --post-data go out', async () => {
    const it = await world();
    await it.sh(`wget -qO- --header 'X-A: b' --post-data x=1 http://web/`);
    expect(it.seen[0]).toMatchObject({ body: 'x=1', request: { method: 'POST', headers: { 'x-a': 'b' } } });
  });
});

describe('podcli', () => {
  const table: [args: string[], code: number, message: string][] = [
    [['check', 'http', 'web/'], 0, 'check succeed\t{"address": "http://web/", "status code": 200}'],
    [
      ['check', 'http', 'http://web/503'],
      1,
      'check failed\t{"address": "http://web/503", "status code": 503}',
    ],
    [
      ['check', 'http', 'web:81'],
      1,
      'check failed\t{"address": "http://web:81", "error": "connection to web:81 refused',
    ],
    [['check', 'tcp', 'web:80'], 0, 'check succeed\t{"address": "web:80"}'],
    [['check', 'tcp', 'web:81', '--retry=2'], 1, 'check failed'],
    [['check', 'http', 'web/slow', '--timeout=1s'], 1, 'check failed'],
    [['check', 'http'], 1, 'address is required!'],
    [['nonsense'], 1, 'usage: podcli check'],
  ];
  test.each(table)('podcli %j', async (args, code, message) => {
    const it = await world();
    expect(await it.run('podcli', ...args)).toBe(code);
    expect(it.err).toContain(message);
  });

  test('the manifests’ probes say yes to a podinfo that runs', async () => {
    const it = await world();
    const stop = new AbortController();
    const running = podinfo('6.5.4')({
      argv: ['--port=9898'],
      env: {},
      files: new MemoryFiles(),
      stdin: (async function* () {})(),
      stdout: () => {},
      signal: stop.signal,
      seams: {
        clock: it.clock,
        random: seededRandom('p'),
        fetch: () => Promise.reject(new Error('not the way')),
        upgrade: () => Promise.reject(new Error('not the way')),
        network: it.network.host('10.0.0.2'),
        log: silentLog,
      },
    });
    await it.clock.settle();
    expect(await it.run('podcli', 'check', 'http', 'localhost:9898/readyz')).toBe(0);
    expect(await it.run('wget', '-q', '--spider', 'http://localhost:9898/healthz')).toBe(0);
    stop.abort();
    await it.clock.run(running);
  });
});

/** Someone at a terminal. */
class Person {
  readonly world: World;
  readonly exit: Promise<number>;
  readonly #keys = new Channel<Uint8Array>(64);

  constructor(world: World, argv: readonly string[] = ['sh']) {
    this.world = world;
    this.exit = world.start(argv, this.#keys, true);
  }

  /** Types, and returns what the screen shows since. */
  async type(keys: string, ms = 100): Promise<string> {
    const before = this.world.out.length;
    await this.#keys.push(Buffer.from(keys, 'utf8'));
    await this.world.clock.advance(ms);
    return this.world.out.slice(before);
  }
}

describe('at a terminal', () => {
  async function sit(argv?: readonly string[]): Promise<Person> {
    const person = new Person(await world(), argv);
    await person.world.clock.advance(1);
    return person;
  }

  test('there is a prompt, an echo, and the way out', async () => {
    const it = await sit();
    expect(it.world.out).toBe('/ # ');
    expect(await it.type('echo hi\r')).toBe('echo hi\r\nhi\r\n/ # ');
    expect(await it.type('cd /etc\rcat motd\r')).toBe(
      'cd /etc\r\n/etc # cat motd\r\nhello\r\nworld\r\n/etc # ',
    );
    expect(await it.type('foo\r')).toBe('foo\r\nsh: foo: not found\r\n/etc # ');
    expect(await it.type('exit 7\r')).toBe('exit 7\r\n');
    expect(await it.world.clock.run(it.exit)).toBe(7);
  });

  test('lines are edited, and come back with the arrows', async () => {
    const it = await sit();
    expect(await it.type('ecxx\u007F\u007Fho a\r')).toBe('ecxx\b \b\b \bho a\r\na\r\n/ # ');
    await it.type('echo b\r');
    expect(await it.type('\u001B[A\u001B[A\r')).toContain('echo a\u001B[K\r\na\r\n');
    expect(await it.type('\u001B[A\u001B[A\u001B[B\r')).toContain('\r\na\r\n');
    expect(await it.type('junk\u0015echo c\r')).toContain('\r\nc\r\n/ # ');
    expect(await it.type('gr\u00FC\u00DF \u{1F600}\u007F\u0017echo d\u001B[D\t\r')).toContain(
      '\r\nd\r\n/ # ',
    );
  });

  test('a command over several lines is asked for to its end', async () => {
    const it = await sit();
    expect(await it.type('for i in 1 2; do\recho $i\rdone\r')).toBe(
      'for i in 1 2; do\r\n> echo $i\r\n> done\r\n1\r\n2\r\n/ # ',
    );
  });

  test('Ctrl-C clears the line, and interrupts what runs', async () => {
    const it = await sit();
    expect(await it.type('junk\u0003')).toBe('junk^C\r\n/ # ');
    expect(await it.type('while true; do sleep 1; done\r', 3000)).toBe('while true; do sleep 1; done\r\n');
    expect(await it.type('\u0003')).toBe('^C\r\n/ # ');
    expect(await it.type('echo $?\r')).toBe('echo $?\r\n130\r\n/ # ');
  });

  test('a program that is interrupted has its last word', async () => {
    const it = await sit(['patient']);
    expect(it.world.out).toBe('waiting\r\n');
    expect(await it.type('\u0003')).toBe('^C\r\nsummary\r\n');
    expect(await it.world.clock.run(it.exit)).toBe(0);
  });

  test('Ctrl-D ends what reads, then the shell', async () => {
    const it = await sit();
    expect(await it.type('cat\rabc\r\u0004')).toBe('cat\r\nabc\r\nabc\r\n/ # ');
    await it.type('\u0004');
    expect(await it.world.clock.run(it.exit)).toBe(0);
  });

  test('what is typed ahead is not lost', async () => {
    const it = await sit();
    expect(await it.type('sleep 1\recho after\r', 2000)).toBe('sleep 1\r\n/ # echo after\r\nafter\r\n/ # ');
  });
});

describe('without a terminal', () => {
  test('a script on standard input runs line by line, without prompts', async () => {
    const it = await world();
    async function* script(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('echo a\nfor i in 1 2\ndo echo $i\n');
      yield Buffer.from('done\ncat\nthe rest\n');
    }
    expect(await it.clock.run(it.start(['sh'], script()))).toBe(0);
    expect(it.out).toBe('a\n1\n2\nthe rest\n');
  });

  test('an unfinished script is an error', async () => {
    const it = await world();
    async function* script(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('if true\n');
    }
    expect(await it.clock.run(it.start(['sh'], script()))).toBe(2);
    expect(it.err).toBe('sh: syntax error: unexpected end of file (expecting "then")\n');
  });

  test('a script from a file, with arguments', async () => {
    const it = await world();
    await it.files.write('/run.sh', Buffer.from('#!/bin/sh\necho $0 $1\nexit 5\n'));
    expect(await it.run('sh', '/run.sh', 'x')).toBe(5);
    expect(it.out).toBe('/run.sh x\n');
    expect(await it.run('sh', '-c', 'echo $0 $1', 'name', 'arg')).toBe(0);
    expect(it.out).toBe('/run.sh x\nname arg\n');
  });
});
