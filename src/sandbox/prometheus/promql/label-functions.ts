import type { RE2JS } from 're2js';
import { PromqlExecutionError, PromqlParseError } from './errors.ts';
import { isLabelName, type Labels } from './labels.ts';
import { compilePattern } from './matcher.ts';

/** @throws PromqlExecutionError for a pattern or a label name that is none */
export function labelReplacer(
  target: string,
  replacement: string,
  source: string,
  pattern: string,
): (labels: Labels) => Labels {
  const regex = patternOf(pattern);
  if (!isLabelName(target)) {
    throw new PromqlExecutionError(`invalid destination label name in label_replace(): ${target}`);
  }
  const names = regex.namedGroups();
  return (labels) => {
    const matcher = regex.matcher(labels.get(source));
    if (!matcher.matches()) return labels;
    const value = expand(replacement, (name) => {
      const index = /^\d+$/.test(name) ? Number(name) : names[name];
      return index === undefined || index > matcher.groupCount() ? '' : (matcher.group(index) ?? '');
    });
    return labels.with(target, value);
  };
}

function patternOf(pattern: string): RE2JS {
  try {
    return compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof PromqlParseError)) throw error;
    throw new PromqlExecutionError(`invalid regular expression in label_replace(): ${pattern}`);
  }
}

/** Go's templates: `$1`, `${1}`, `$name`, `${name}` (a bare name is as long as can be), and `$$` for a dollar. */
function expand(template: string, group: (name: string) => string): string {
  return template.replaceAll(
    /\$(?:(\$)|([\w]+)|\{(\w+)\})/g,
    (_, dollar: string, bare: string, braced: string) => (dollar === undefined ? group(bare ?? braced) : '$'),
  );
}

/** @throws PromqlExecutionError for a label name that is none */
export function labelJoiner(
  target: string,
  separator: string,
  sources: readonly string[],
): (labels: Labels) => Labels {
  for (const source of sources) {
    if (!isLabelName(source)) {
      throw new PromqlExecutionError(`invalid source label name in label_join(): ${source}`);
    }
  }
  if (!isLabelName(target)) {
    throw new PromqlExecutionError(`invalid destination label name in label_join(): ${target}`);
  }
  return (labels) => labels.with(target, sources.map((source) => labels.get(source)).join(separator));
}
