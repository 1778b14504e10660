import { RE2JS, RE2JSException } from 're2js';
import { parseLabelSelector } from '../machinery/label-selector.ts';
import type { Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import type { Selector } from './kustomization.ts';
import { allIdsOf, effectiveNamespace, gvkOfResource, stringsOf, type Resource } from './resource.ts';

/** Longer patterns are refused: the work per character grows with them. */
const maxPatternLength = 4096;

/**
 * Which objects a target means: each part is a regular expression for the whole text; name and namespace may be
 * those of any earlier level.
 * @throws for what is no regular expression or no selector
 */
export function compileSelector(
  selector: Selector,
  where: string,
  budget: Budget,
): (resource: Resource) => boolean {
  const [group, version, kind, name, namespace] = (
    ['group', 'version', 'kind', 'name', 'namespace'] as const
  ).map((part) => wholeText(selector[part], `${where}: ${part}`, budget)) as [
    TextTest,
    TextTest,
    TextTest,
    TextTest,
    TextTest,
  ];
  const labels = labelTest(selector.labelSelector, 'labels', `${where}: labelSelector`, budget);
  const annotations = labelTest(
    selector.annotationSelector,
    'annotations',
    `${where}: annotationSelector`,
    budget,
  );
  return (resource) => {
    budget.spendLooks(1, where);
    const gvk = gvkOfResource(resource);
    const ids = allIdsOf(resource);
    return (
      group(gvk.group) &&
      version(gvk.version) &&
      kind(gvk.kind) &&
      ids.some((id) => name(id.name)) &&
      ids.some((id) => namespace(effectiveNamespace(id))) &&
      labels(resource) &&
      annotations(resource)
    );
  };
}

type TextTest = (text: string) => boolean;

function wholeText(pattern: string | undefined, where: string, budget: Budget): TextTest {
  if (pattern === undefined || pattern === '') return () => true;
  if (/^[\w-]+$/.test(pattern)) return (text) => text === pattern;
  return compilePattern(`^(?:${pattern})$`, where, budget);
}

/**
 * Tells whether the pattern is found in a text. A repeat like `x{500}` counts as what it stands for.
 * @throws for what is no regular expression of RE2
 */
export function compilePattern(pattern: string, where: string, budget: Budget): TextTest {
  if (pattern.length > maxPatternLength)
    throw buildError(`${where}: longer than ${maxPatternLength} characters`);
  const states = pattern.length + (/\{\d/.test(pattern) ? 1000 : 0);
  budget.spend(10 * states, where);
  const compiled = compile(pattern, where);
  return (text) => {
    budget.spend((states * text.length) / 50, where);
    return compiled.matcher(text).find();
  };
}

function compile(pattern: string, where: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException)
      throw buildError(`${where}: not a regular expression: ${error.message}`, error);
    throw error;
  }
}

function labelTest(
  text: string | undefined,
  field: 'labels' | 'annotations',
  where: string,
  budget: Budget,
): (resource: Resource) => boolean {
  if (text === undefined || text === '') return () => true;
  try {
    const selector = parseLabelSelector(text);
    return (resource) => {
      budget.spend(1 + text.length / 20, where);
      return selector.matches(stringsOf(resource, field));
    };
  } catch (error) {
    throw buildError(`${where}: ${error instanceof Error ? error.message : 'not a selector'}`, error);
  }
}
