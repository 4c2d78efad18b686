// `taskAnnotations`: options that the settings lay over those of tasks, by name or glob.
import { globPattern } from "./glob.ts";
import { checkDefinition, mergeDefinitions, type TaskDefinition } from "./task-definition.ts";

type Annotation = Readonly<Record<string, unknown>>;

/** Options by name or glob, in one object or several. */
export type Annotations = Annotation | readonly Annotation[] | null;

/** Gives the options of a task with everything the settings say about it. */
export type Annotator = (task: string, own: TaskDefinition) => TaskDefinition;

/**
 * Of one object, `*` counts least, then other globs in their order, and the exact name most; later objects of a list win
 * over earlier ones.
 *
 * @param setting the value of `taskAnnotations`
 */
export function createAnnotator(setting: Annotations): Annotator {
  if (setting === null) return (_, own) => own;
  const patterns = (Array.isArray(setting) ? setting : [setting]).flatMap(patternsOf);
  const known = new WeakMap<TaskDefinition, TaskDefinition>();
  return (task, own) => {
    const options = known.get(own) ?? annotate(task, own, patterns);
    known.set(own, options);
    return options;
  };
}

interface Pattern {
  readonly pattern: RegExp;
  readonly options: object;
}

function patternsOf(annotations: Annotation): readonly Pattern[] {
  const entries = Object.entries(annotations).map(([glob, options]) => ({ glob, options: Object(options) as object }));
  const weight = (glob: string): number => (glob === "*" ? 0 : /[*?[]/.test(glob) ? 1 : 2);
  const sorted = entries.sort((left, right) => weight(left.glob) - weight(right.glob));
  return sorted.map(({ glob, options }) => ({ pattern: globPattern(glob), options }));
}

function annotate(task: string, own: TaskDefinition, patterns: readonly Pattern[]): TaskDefinition {
  const said = patterns.filter(({ pattern }) => pattern.test(task)).map(({ options }) => options);
  return said.length === 0 ? own : checkDefinition(task, mergeDefinitions(own, ...said));
}
