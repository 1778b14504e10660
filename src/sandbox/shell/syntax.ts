/** A piece of a word. What is `quoted` is never split. */
export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'variable';
      readonly name: string;
      /** `:-`, `-`, `:=`, `=`, `:+`, `+`, `:?`, `?`, or `length`; empty for the plain value. */
      readonly operator: string;
      readonly word: Word;
      readonly quoted: boolean;
    }
  | { readonly kind: 'command'; readonly body: Sequence; readonly quoted: boolean }
  | { readonly kind: 'arithmetic'; readonly expression: Word; readonly quoted: boolean };

export type Word = readonly WordPart[];

export interface Redirect {
  /** Which stream: 0, 1 or 2. */
  readonly fd: number;
  readonly kind: 'read' | 'write' | 'append' | 'duplicate';
  /** A path; for `duplicate` the number of a stream. */
  readonly target: Word;
}

export interface Simple {
  readonly kind: 'simple';
  readonly assignments: readonly { readonly name: string; readonly value: Word }[];
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}

/** Commands one after the other. */
export interface Sequence {
  readonly kind: 'sequence';
  readonly items: readonly Node[];
}

export type Node =
  | Simple
  | Sequence
  | { readonly kind: 'pipeline'; readonly negated: boolean; readonly stages: readonly Node[] }
  | {
      readonly kind: 'chain';
      readonly first: Node;
      readonly rest: readonly { readonly operator: '&&' | '||'; readonly node: Node }[];
    }
  | { readonly kind: 'for'; readonly name: string; readonly words: readonly Word[]; readonly body: Sequence }
  | { readonly kind: 'while'; readonly until: boolean; readonly condition: Sequence; readonly body: Sequence }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly condition: Sequence; readonly body: Sequence }[];
      readonly otherwise: Sequence | undefined;
    }
  | {
      readonly kind: 'group';
      /** Changes of variables and of the folder stay inside. */
      readonly subshell: boolean;
      readonly body: Sequence;
      readonly redirects: readonly Redirect[];
    };

/** A script that the shell does not understand. */
export class ShellSyntaxError extends Error {
  /** More text could make it a script. */
  readonly incomplete: boolean;

  constructor(message: string, incomplete = false) {
    super(`syntax error: ${message}`);
    this.incomplete = incomplete;
  }
}
