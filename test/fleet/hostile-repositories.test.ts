import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { names } from '../../src/fleet/fleet-world.test-double.ts';
import { applicationOf, manifestsOf } from './applications.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { GitHost, Repository } from './git-host.ts';
import { type Change, secretText, TroubledWorld } from './troubled-world.ts';

interface Case {
  readonly title: string;
  /** Fills a repository. @returns where it is, if not where the host serves it */
  readonly fill: (host: GitHost, name: string) => string | undefined;
  readonly change?: Change;
  readonly reason: string;
  readonly says: RegExp;
}

const good = manifestsOf('app', 1);
const service = 'app/service.yaml';

/** A good repository with something more. */
const filled =
  (more: (repository: Repository) => void): Case['fill'] =>
  (host, name) => {
    const repository = host.make(name);
    for (const [path, text] of Object.entries(good)) repository.write(path, text);
    more(repository);
    return undefined;
  };

/** A commit with one file more, or another one. */
const withFile = (path: string, text: string): Case['fill'] =>
  filled((repository) => repository.write(path, text).commit());

const ordinary = filled((repository) => repository.commit());

const answering =
  (
    status: number,
    text: string,
    headers: Readonly<Record<string, string>> = {},
    change: (url: string) => string = (url) => url,
  ): Case['fill'] =>
  (host, name) => {
    host.say(name, status, text, headers);
    return change(host.url(name));
  };

const forged = (entry: string): Case['fill'] =>
  filled((repository) => repository.commit().forge([entry, repository.blob('x')]));

const withSubmodule = filled((repository) => {
  repository.commit();
  const head = repository.git(['rev-parse', 'HEAD']);
  repository.git(['update-index', '--add', '--cacheinfo', `160000,${head},module`]);
  repository.git(['commit', '-q', '-m', 'module']);
});

const withManyFiles = filled((repository) => {
  for (let i = 0; i < 300; i += 1) repository.write(`app/${i}.yaml`, '');
  repository.commit();
});

const branch =
  (name: string): Change =>
  (git) => {
    git['ref'] = { branch: name };
  };
const path =
  (text: string): Change =>
  (_, kustomization) => {
    kustomization['path'] = text;
  };
const realm = { 'www-authenticate': 'Basic realm="x"' };
const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
const bomb = ['a0: &a0 [x, x]', ...levels].join('\n');
const badSecret = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'x', namespace: 'app' },
  data: { a: `${secretText}!` },
});

const unfetched: readonly Case[] = [
  {
    title: 'where nobody listens',
    fill: () => 'http://127.0.0.1:1/x',
    reason: 'GitOperationFailed',
    says: /unable to list remote for 'http:\/\/127\.0\.0\.1:1\/x': .*Failed to connect/,
  },
  {
    title: 'that is not there',
    fill: (host) => host.url('nowhere'),
    reason: 'GitOperationFailed',
    says: /repository not found: git repository: '.*\/nowhere'/,
  },
  {
    title: 'that is empty',
    fill: (host, name) => (host.make(name), undefined),
    reason: 'EmptyGitRepository',
    says: /git repository is empty\. .*commit something/,
  },
  {
    title: 'that wants a login, and says back what it was told',
    fill: answering(401, secretText, realm, (url) => url.replace('//', `//me:${secretText}@`)),
    reason: 'GitOperationFailed',
    says: /authentication required.*Next: look at .*secretRef, if a login is needed/,
  },
  {
    title: 'whose server is broken',
    fill: answering(500, 'oops'),
    reason: 'GitOperationFailed',
    says: /returned error: 500/,
  },
  {
    title: 'that is a page to log in',
    fill: answering(200, '<html>\n<body>login\n', { 'content-type': 'text/html' }),
    reason: 'GitOperationFailed',
    says: /not valid: is this a git repository/,
  },
  {
    title: 'that redirects to the metadata of a cloud',
    fill: answering(302, '', { location: 'http://169.254.169.254/latest' }),
    reason: 'GitOperationFailed',
    says: /redirects to another address, which is not followed: use that one/,
  },
  {
    title: 'without the branch',
    fill: ordinary,
    change: branch('gone'),
    reason: 'GitOperationFailed',
    says: /couldn't find remote ref "refs\/heads\/gone"/,
  },
  {
    title: 'with an option of git for a branch',
    fill: ordinary,
    change: branch('--upload-pack=touch x'),
    reason: 'GitOperationFailed',
    says: /'refs\/heads\/--upload-pack=touch x' is not the name of a git reference/,
  },
  {
    title: 'with a huge file',
    fill: withFile('app/big.yaml', 'x'.repeat(200_000)),
    reason: 'GitOperationFailed',
    says: /"app\/big\.yaml" has 200000 bytes, more than 100000; leave it out with gitRepository\.ignore/,
  },
  {
    title: 'with very many files',
    fill: withManyFiles,
    reason: 'GitOperationFailed',
    says: /the commit has more than 200 files/,
  },
  {
    title: 'with a .git of its own',
    fill: forged('100644 .git'),
    reason: 'GitOperationFailed',
    says: /invalid path "\.git"/,
  },
];

const unbuilt: readonly Case[] = [
  {
    title: 'without the path',
    fill: ordinary,
    change: path('./nowhere'),
    reason: 'ArtifactFailed',
    says: /kustomization path not found: stat \.\/nowhere: .*Next: fix the path/,
  },
  {
    title: 'whose path is a submodule',
    fill: withSubmodule,
    change: path('./module'),
    reason: 'ArtifactFailed',
    says: /stat \.\/module: .*a submodule is none/,
  },
  {
    title: 'whose path is a link out of it',
    fill: filled((repository) => repository.link('etc', '/etc').commit()),
    change: path('./etc'),
    reason: 'ArtifactFailed',
    says: /stat \.\/etc: no such file or directory.*a link/,
  },
  {
    title: 'with a link to a file of this machine',
    fill: filled((repository) => {
      repository.link('app/passwd.yaml', '/etc/passwd');
      repository.write('app/kustomization.yaml', 'resources: [passwd.yaml]').commit();
    }),
    reason: 'BuildFailed',
    says: /app\/kustomization\.yaml: passwd\.yaml: no such file or folder.*viridian kustomize build \.\/app/,
  },
  {
    title: 'that leads out of itself',
    fill: withFile('app/kustomization.yaml', 'resources: [../../../etc/passwd]'),
    reason: 'BuildFailed',
    says: /\.\.\/\.\.\/\.\.\/etc\/passwd, from app, leads out of the tree/,
  },
  {
    title: 'that is elsewhere in truth',
    fill: withFile('app/kustomization.yaml', 'resources: ["https://example.com/x.yaml"]'),
    reason: 'BuildFailed',
    says: /remote resources are not fetched; copy it into the repository/,
  },
  {
    title: 'that wants a program run',
    fill: withFile('app/kustomization.yaml', 'generators: [a.yaml]'),
    reason: 'BuildFailed',
    says: /generator plugins are not run/,
  },
  {
    title: 'with a few lines that become gigabytes',
    fill: withFile('app/bomb.yaml', bomb),
    reason: 'BuildFailed',
    says: /app\/bomb\.yaml, document 1: .*more work than any may/,
  },
  {
    title: 'with brackets without end',
    fill: withFile('app/deep.yaml', '['.repeat(5000)),
    reason: 'BuildFailed',
    says: /app\/deep\.yaml, document 1: line 1: nested too deeply/,
  },
  {
    title: 'with a broken manifest',
    fill: withFile('app/broken.yaml', 'kind: ['),
    reason: 'BuildFailed',
    says: /app\/broken\.yaml, document 1: line 1: Flow sequence/,
  },
  {
    title: 'with one object twice',
    fill: withFile('app/again.yaml', good[service] ?? ''),
    reason: 'BuildFailed',
    says: /already registered id: Service\.v1\.\[noGrp\]\/app\.app/,
  },
];

const refused: readonly Case[] = [
  {
    title: 'with an object that the cluster refuses',
    fill: withFile(service, (good[service] ?? '').replaceAll('9898', '99999')),
    reason: 'ReconciliationFailed',
    says: /Service\/app\/app dry-run failed \(Invalid\): .*spec\.ports\[0\]\.port: Invalid value: 99999/,
  },
  {
    title: 'with a kind that the cluster does not have',
    fill: withFile('app/other.yaml', 'apiVersion: example.com/v1\nkind: Other\nmetadata: {name: a}\n'),
    reason: 'ReconciliationFailed',
    says: /no matches for kind "Other" in version "example\.com\/v1".*on the cluster what it needs/,
  },
  {
    title: 'with a Secret that the cluster refuses',
    fill: withFile('app/secret.yaml', badSecret),
    reason: 'ReconciliationFailed',
    says: /Secret\/app\/x dry-run failed \(BadRequest\): the server refuses it/,
  },
];

const cases = [...unfetched, ...unbuilt, ...refused];
const nameOf = ({ title }: Case): string => `bad-${cases.findIndex((one) => one.title === title)}`;

describe('beside an Application that is well, a repository', () => {
  let world: TroubledWorld;

  beforeAll(async () => {
    world = await TroubledWorld.start();
    for (const one of cases) {
      const { fill, change = () => {} } = one;
      const name = nameOf(one);
      await world.create(name, fill(world.gitHost, name) ?? world.gitHost.url(name), change);
    }
    await world.settle(10_000);
  }, 180_000);

  afterAll(() => world.close());

  test.each(cases)('$title is said: what, what it means for traffic, and what to do', async (one) => {
    const name = nameOf(one);
    const { ready, message } = await world.verdict(name);
    expect(ready).toBe(`False ${one.reason}`);
    expect(message).toMatch(one.says);
    expect(message).toMatch(/serves on/);
    expect(message).toMatch(/Next: /);
    // A problem of all members is one problem.
    expect(message.split('Next: ')).toHaveLength(2);
    const warnings = await world.warningsOf('Application', name);
    expect(warnings).not.toEqual([]);
    for (const warning of warnings) {
      expect(warning).toMatch(new RegExp(`^${one.reason}: `));
      expect(warning).toMatch(one.says);
      expect(warning).toMatch(/serves on.*Next: /);
    }
  });

  test('without the Service of its rollout is said on each member, and traffic is left alone', async () => {
    ordinary(world.gitHost, 'alone');
    const [wanted] = applicationOf('app', '', '0s').spec.syncPolicies;
    await world.create('alone', world.gitHost.url('alone'), (_git, _kustomization, policy) => {
      policy['rollout'] = { ...(wanted?.rollout as unknown as JsonObject), serviceName: 'other' };
    });
    await world.settle(10_000);

    const { ready, message } = await world.verdict('alone');
    expect(ready).toBe('False RolloutInstallFailed');
    const warnings = await world.warningsOf('Application', 'alone');
    expect(warnings).toHaveLength(2);
    for (const name of names) {
      const text =
        `Service app/other is not there on cluster ${name}: the rollout needs the Service that users call. ` +
        'Apply it, or fix serviceName; traffic is as before';
      expect(message).toContain(text);
      expect(warnings).toContainEqual(expect.stringContaining(text));
    }
  });

  test('none of them stops the neighbour, and nothing that is secret is told', async () => {
    expect(await world.verdict('neighbour')).toMatchObject({ phase: 'Ready', count: '2/2' });
    await world.commit('2.0.0');
    for (const name of names) expect(await world.neighbourOn(name)).toBe('2.0.0');
    expect(await world.verdict('neighbour')).toMatchObject({ phase: 'Ready', count: '2/2' });
    const said = await world.everythingSaid();
    expect(said).toContain('authentication required');
    expect(said).not.toContain(secretText);
    expect(said).not.toContain(Buffer.from(secretText).toString('base64').replaceAll('=', ''));
    expect(said).not.toContain('root:x:0');
  });
}, 60_000);
