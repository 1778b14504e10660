import type { parser } from '@prometheus-io/lezer-promql';
import type { BinaryOperator, Matching } from './ast.ts';
import type { PromqlParseError } from './errors.ts';

export type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** The query that a syntax tree belongs to. */
export interface Source {
  text(node: SyntaxNode): string;
  /** The error to throw for what is wrong at `node`. */
  fail(node: { readonly from: number }, message: string): PromqlParseError;
}

export function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'LineComment') found.push(child);
  }
  return found;
}

const binaryOperators: ReadonlySet<string> = new Set<BinaryOperator>([
  ...(['+', '-', '*', '/', '%', '^', 'atan2'] as const),
  ...(['==', '!=', '>', '<', '>=', '<='] as const),
  ...(['and', 'or', 'unless'] as const),
]);

function isBinaryOperator(text: string): text is BinaryOperator {
  return binaryOperators.has(text);
}

/** An operator between two operands, with its modifiers. */
export interface BinarySyntax {
  readonly operator: BinaryOperator;
  readonly bool: boolean;
  readonly matching: Matching;
  readonly operatorAt: number;
}

/** @param modifiers the nodes between the operator and its right operand */
export function matchingOf(source: Source, operatorNode: SyntaxNode, modifiers: SyntaxNode[]): BinarySyntax {
  const operator = source.text(operatorNode).toLowerCase();
  if (!isBinaryOperator(operator)) {
    throw source.fail(operatorNode, `operator ${JSON.stringify(operator)} is not supported`);
  }
  let bool = false;
  let matching: Matching = { on: false, labels: [], many: undefined, include: [] };
  for (const modifier of modifiers) {
    if (modifier.name === 'BoolModifier') bool = true;
    else if (modifier.name === 'MatchingModifierClause') matching = matchingClause(source, modifier);
    else throw source.fail(modifier, `${JSON.stringify(source.text(modifier))} is not supported`);
  }
  return { operator, bool, matching, operatorAt: operatorNode.from };
}

function matchingClause(source: Source, clause: SyntaxNode): Matching {
  const [kind, labels, side, include] = children(clause);
  return {
    on: kind?.name === 'On',
    labels: labels === undefined ? [] : namesOf(source, labels),
    many: side === undefined ? undefined : side.name === 'GroupLeft' ? 'left' : 'right',
    include: include === undefined ? [] : namesOf(source, include),
  };
}

/** The names in a list of labels. */
export function namesOf(source: Source, list: SyntaxNode): string[] {
  return children(list).map((label) => {
    if (label.name !== 'LabelName') throw source.fail(label, 'quoted label names are not supported');
    return source.text(label);
  });
}
