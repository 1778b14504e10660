import type { Application } from '../../src/api/application.ts';
import { jsonLog } from '../../src/base/log.ts';
import { ApplicationWorld } from '../../src/fleet/application/application-world.test-double.ts';
import { names } from '../../src/fleet/fleet-world.test-double.ts';
import { applicationKind, attachedClusterKind, secretKind } from '../../src/fleet/kinds.ts';
import type { KubeEvent } from '../../src/kube/event-correlator.ts';
import { eventKind } from '../../src/kube/event-recorder.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import { asJson } from '../../src/machinery/object.ts';
import { applicationOf, manifestsOf } from './applications.ts';
import { GitHost } from './git-host.ts';

/** What nobody but its owner may ever read. */
export const secretText = 'hunter-2';
const neighbourUrl = 'https://git.example.com/neighbour';

/** The policy and the source of an Application, as a person may write them. */
export type Change = (git: JsonObject, kustomization: JsonObject, policy: JsonObject) => void;

/** A fleet with an Application that is well, among others that are not. */
export class TroubledWorld extends ApplicationWorld {
  readonly gitHost = new GitHost();
  readonly lines: string[] = [];

  /** The fleet is ready, and the neighbour delivered. */
  static async start(): Promise<TroubledWorld> {
    const world = new TroubledWorld();
    world.log = jsonLog(
      () => 0,
      'debug',
      (line) => void world.lines.push(line),
    );
    await world.open();
    await world.gitHost.listen();
    const machine = world.gitHost.transport(world.clock, { entries: 200, fileBytes: 100_000 });
    const { git } = world;
    world.transport = {
      resolve: (remote, ...rest) => (remote.url === neighbourUrl ? git : machine).resolve(remote, ...rest),
      fetch: (remote, ...rest) => (remote.url === neighbourUrl ? git : machine).fetch(remote, ...rest),
    };
    await world.begin();
    await world.create('neighbour', neighbourUrl, (_, kustomization) => {
      kustomization['path'] = './well';
    });
    await world.commit('1.0.0');
    return world;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.gitHost.close();
  }

  // What a person does.

  /** The neighbour commits, and its pods come up. */
  async commit(version: string): Promise<void> {
    const files = Object.entries(manifestsOf('well', 1)).map(
      ([path, text]) => [path, text.replace(':6.5.4', `:${version}`)] as const,
    );
    this.git.push(neighbourUrl, 'refs/heads/master', Object.fromEntries(files));
    await this.settle(10_000);
    await this.runPods(...names);
  }

  async create(name: string, url: string, change: Change): Promise<void> {
    const application: Application = applicationOf(name, url, '0s');
    const spec = asJson(application)['spec'] as { source: JsonObject; syncPolicies: JsonObject[] };
    const [policy = {}] = spec.syncPolicies;
    delete policy['rollout'];
    const kustomization = policy['kustomization'] as JsonObject;
    kustomization['path'] = './app';
    change(spec.source['gitRepository'] as JsonObject, kustomization, policy);
    await this.run(this.host.resource<Application>(applicationKind).create(application));
  }

  /** Puts any text into the Secret of a cluster. */
  async rawSecret(name: string, text: string): Promise<void> {
    const data = { [`${name}.config`]: Buffer.from(text).toString('base64') };
    await this.patch(secretKind, name, { data });
  }

  async removeSecret(name: string): Promise<void> {
    await this.run(this.host.resource(secretKind).delete({ namespace: 'default', name }));
  }

  // What a person sees.

  /** The version of the neighbour on a member. */
  async neighbourOn(member: string): Promise<string | undefined> {
    return (await this.imageOf(member, 'well', 'well'))?.split(':')[1];
  }

  /** Warnings about an object: `REASON: MESSAGE`. */
  async warningsOf(kind: string, name: string): Promise<readonly string[]> {
    const { items } = await this.run(this.host.resource<KubeEvent>(eventKind).listAll());
    return items
      .filter(
        ({ type, involvedObject: object }) =>
          type === 'Warning' && object.kind === kind && object.name === name,
      )
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** All that anybody could read beside Secrets: what the manager has written anywhere. */
  async everythingSaid(): Promise<string> {
    const kinds = [applicationKind, attachedClusterKind, eventKind];
    const lists = await Promise.all(kinds.map((kind) => this.run(this.host.resource(kind).listAll())));
    const said = lists.flatMap(({ items }) => items.map((item) => ({ ...item, spec: undefined })));
    return JSON.stringify(said) + this.lines.join('');
  }
}
