// Writes src/sandbox/apiserver/protobuf/descriptor.generated.json: how the bodies that clients of Kubernetes send as
// protobuf become JSON. The field numbers and types come from the .proto files, the JSON names and what is left out
// from the tags of the Go types beside them.
//
//   node scripts/generate-protobuf-descriptor.mjs K8S_IO_API K8S_IO_APIMACHINERY K8S_IO_APIEXTENSIONS_APISERVER
//
// A message is a list of fields `[number, JSON name, type, flags]`. Flags: `r` a list, `m` a map from text, `o` left out
// when zero, `i` its fields belong to the message around it (then the name is empty).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const output = new URL('../src/sandbox/apiserver/protobuf/descriptor.generated.json', import.meta.url);
const [api, apimachinery, apiextensions] = process.argv.slice(2);
if (apiextensions === undefined)
  throw new Error('want the folders of three Go modules; see the head of this file');

/** Types that write their own protobuf: the reader knows them by name. */
const unusual = /^(ExtraValue|FieldsV1|IntOrString|JSONSchemaPropsOr\w+|MicroTime|Quantity|Time|Timestamp)$/;

/** Import path → folder. */
const modules = {
  'k8s.io/api/': api,
  'k8s.io/apimachinery/': apimachinery,
  'k8s.io/apiextensions-apiserver/': apiextensions,
};

/** Go packages whose kinds a client may send. */
const packages = [
  'apps/v1',
  'authentication/v1',
  'authorization/v1',
  'autoscaling/v1',
  'autoscaling/v2',
  'batch/v1',
  'coordination/v1',
  'core/v1',
  'discovery/v1',
  'events/v1',
  'networking/v1',
  'policy/v1',
  'rbac/v1',
  'scheduling/v1',
  'storage/v1',
].map((name) => `k8s.io/api/${name}`);
packages.push('k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1');
const meta = 'k8s.io/apimachinery/pkg/apis/meta/v1';
/** Bodies beside objects. */
const options = ['CreateOptions', 'DeleteOptions', 'PatchOptions', 'UpdateOptions'];

function locate(path) {
  const prefix = Object.keys(modules).find((name) => path.startsWith(name));
  if (prefix === undefined) throw new Error(`no module has ${path}`);
  return join(modules[prefix], path.slice(prefix.length));
}

/** `k8s.io/api/core/v1` → the name in .proto files. */
function protoPackage(path) {
  return path.replaceAll('/', '.').replaceAll('-', '_');
}

/** Struct → protobuf field number → its Go type and the options of its JSON tag. */
function goStructs(folder) {
  const structs = new Map();
  const files = readdirSync(folder).filter((name) => name.endsWith('.go') && !/_test|generated/.test(name));
  for (const file of files) {
    const source = readFileSync(join(folder, file), 'utf8');
    for (const [, name, body] of source.matchAll(/^type (\w+) struct \{$(.*?)^\}$/gms)) {
      const fields = [
        ...body.matchAll(/^\t(?:\w+[ \t]+)?(\S+)[ \t]+`json:"([^"]*)".*protobuf:"\w+,(\d+),/gm),
      ];
      structs.set(name, new Map(fields.map(([, type, tag, number]) => [Number(number), { type, tag }])));
    }
  }
  return structs;
}

const foldersSeen = new Map();
function goField(message, number) {
  const file = message.filename;
  const folder = dirname(file);
  if (!foldersSeen.has(folder)) foldersSeen.set(folder, goStructs(folder));
  return foldersSeen.get(folder).get(message.name)?.get(number);
}

function describe(message) {
  return message.fieldsArray.map((field) => {
    const type = field.resolvedType?.fullName.slice(1) ?? field.type;
    const found = goField(message, field.id);
    if (found === undefined && !unusual.test(message.name)) {
      throw new Error(`no tag of ${message.name}.${field.name}`);
    }
    const { type: goType = '', tag = field.name } = found ?? {};
    const [name, ...tagOptions] = tag.split(',');
    const isInline = tagOptions.includes('inline');
    const isPlain = field.resolvedType === null && !field.repeated && !field.map && !goType.startsWith('*');
    const flags = [
      field.map ? 'm' : '',
      field.repeated ? 'r' : '',
      isPlain && tagOptions.includes('omitempty') ? 'o' : '',
      isInline ? 'i' : '',
    ].join('');
    if (field.map && field.keyType !== 'string')
      throw new Error(`${message.fullName}.${field.name}: key type`);
    return [field.id, isInline ? '' : name, type, ...(flags === '' ? [] : [flags])];
  });
}

/** `apps/v1`, as in `apiVersion`. */
function apiVersionOf(path) {
  const folder = locate(path);
  const register = [join(folder, 'register.go'), join(folder, '../register.go')].filter((file) =>
    existsSync(file),
  );
  const group = register.map((file) => /GroupName = "([^"]*)"/.exec(readFileSync(file, 'utf8'))?.[1]);
  const version = path.slice(path.lastIndexOf('/') + 1);
  const name = group.find((found) => found !== undefined);
  if (name === undefined) throw new Error(`no group name in ${folder}`);
  return name === '' ? version : `${name}/${version}`;
}

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => (existsSync(target) ? target : locate(target));
root.loadSync(
  [...packages, meta].map((path) => join(locate(path), 'generated.proto')),
  { keepCase: true },
);
root.resolveAll();

const messages = {};
function collect(message) {
  const name = message.fullName.slice(1);
  if (Object.hasOwn(messages, name)) return;
  messages[name] = describe(message);
  for (const field of message.fieldsArray) if (field.resolvedType !== null) collect(field.resolvedType);
}

const byApiVersion = {};
for (const path of packages) {
  const namespace = root.lookup(protoPackage(path));
  byApiVersion[apiVersionOf(path)] = protoPackage(path);
  for (const message of namespace.nestedArray) {
    if (message instanceof protobuf.Type && isKind(message)) collect(message);
  }
}
for (const name of options) collect(root.lookupType(`${protoPackage(meta)}.${name}`));
const sorted = Object.fromEntries(Object.entries(messages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(output, `${JSON.stringify({ packages: byApiVersion, messages: sorted })}\n`);

/** Kinds have metadata; their lists are never sent. */
function isKind(message) {
  return Object.hasOwn(message.fields, 'metadata') && !Object.hasOwn(message.fields, 'items');
}
