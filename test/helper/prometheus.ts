// A strict reader of Prometheus's text format (version 0.0.4): what it takes, Prometheus takes.

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const nameShape = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const typeNames = ["counter", "gauge", "histogram", "summary", "untyped"];

/** By name. Throws at the first line that is not as it should be, with its number. */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let current = "";
  for (const [index, line] of text.slice(0, -1).split("\n").entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (line === "") continue;
    if (keyword === "HELP") {
      if (!nameShape.test(name)) fail("a name that is none");
      if (families.has(name)) fail("the family comes twice");
      if (rest.trim() === "") fail("no help");
      families.set(name, { help: rest, type: "", samples: [] });
      current = name;
    } else if (keyword === "TYPE") {
      const family = families.get(name);
      if (name !== current || family === undefined || family.type !== "") return fail("TYPE does not follow its HELP");
      if (!typeNames.includes(rest)) fail("no such type");
      family.type = rest;
    } else {
      const family = families.get(current);
      if (family === undefined || family.type === "") return fail("a sample before its TYPE");
      const sample = parseSample(line) ?? fail("not a sample");
      if (!belongs(sample.name, current, family.type)) fail(`not of the family ${current}`);
      family.samples.push(sample);
    }
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

/** The value of one series. Throws when there is none, or more than one. */
export function valueOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = keyOf(labels);
  const samples = [...parseMetrics(text).values()].flatMap((family) => family.samples);
  const found = samples.filter((one) => one.name === name && keyOf(one.labels) === wanted);
  const [sample] = found;
  if (sample === undefined || found.length > 1) throw new Error(`${found.length} series ${name} ${wanted}`);
  return sample.value;
}

function parseSample(line: string): Sample | null {
  const [, name, labelText = "", valueText = ""] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const labels = parseLabels(labelText);
  // Prometheus reads these words in any case.
  const value = { "+inf": Infinity, "-inf": -Infinity }[valueText.toLowerCase()] ?? Number(valueText);
  if (name === undefined || !nameShape.test(name) || labels === null || valueText === "") return null;
  return Number.isNaN(value) && !/^nan$/i.test(valueText) ? null : { name, labels, value };
}

function parseLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  const shape = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)/y;
  while (shape.lastIndex < text.length) {
    const [, name, value = ""] = shape.exec(text) ?? [];
    if (name === undefined || name in labels) return null;
    labels[name] = value.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
  }
  return labels;
}

function belongs(sample: string, family: string, type: string): boolean {
  if (type !== "histogram") return sample === family;
  return [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(sample);
}

function checkFamily(name: string, { type, samples }: Family): void {
  const keys = samples.map((sample) => `${sample.name}${keyOf(sample.labels)}`);
  if (new Set(keys).size !== keys.length) throw new Error(`${name} has a series twice`);
  if (type === "counter" && !name.endsWith("_total")) throw new Error(`the counter ${name} does not end in _total`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} counts backwards`);
  if (type === "histogram") checkBuckets(name, samples);
}

/** Of each series of a histogram: its buckets rise, and the last one holds all. */
function checkBuckets(name: string, samples: readonly Sample[]): void {
  const seriesOf = ({ labels }: Sample): string => keyOf({ ...labels, le: "" });
  for (const series of new Set(samples.map(seriesOf))) {
    const own = samples.filter((sample) => seriesOf(sample) === series);
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels["le"] === "+Inf" ? Infinity : Number(labels["le"])));
    const count = own.find((sample) => sample.name === `${name}_count`)?.value;
    const isSound = bounds.at(-1) === Infinity && rises(bounds) && rises(buckets.map(({ value }) => value));
    if (!isSound || buckets.at(-1)?.value !== count) throw new Error(`the buckets of ${name} do not add up`);
  }
}

function rises(numbers: readonly number[]): boolean {
  return numbers.every((one, index) => index === 0 || one >= (numbers[index - 1] ?? 0));
}

/** The same for the same labels, in whichever order they come. */
function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.keys(labels)
      .toSorted()
      .map((name) => [name, labels[name]]),
  );
}
