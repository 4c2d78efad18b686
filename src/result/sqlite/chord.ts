// Chords in the file of results: a row for each, and one for each part, so that every process of the host counts alike.
import type { Clock } from "../../clock.ts";
import { readJson } from "../../protocol/json-reader.ts";
import { writeJson } from "../../protocol/json-writer.ts";
import { readTuple } from "../../protocol/result-json.ts";
import { type ChordKeeper, type ChordOpening, type ChordPart, type CompleteChord, isFinisher } from "../chord.ts";
import type { ResultFile } from "./file.ts";

const tables = [
  `CREATE TABLE IF NOT EXISTS chord (
    group_id TEXT PRIMARY KEY,
    size INTEGER,
    ready INTEGER NOT NULL DEFAULT 0,
    tree TEXT,
    finisher TEXT,
    expires_at REAL
  ) STRICT`,
  `CREATE TABLE IF NOT EXISTS chord_part (
    group_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    place INTEGER,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (group_id, task_id)
  ) STRICT`,
];
const begin = `
  INSERT INTO chord (group_id, size, tree, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (group_id) DO UPDATE SET size = excluded.size, tree = excluded.tree, expires_at = excluded.expires_at`;
const add = "INSERT INTO chord_part VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
const replace = "UPDATE chord_part SET state = ?, text = ? WHERE group_id = ? AND task_id = ? AND state <> 'SUCCESS'";
const count = `
  INSERT INTO chord (group_id, ready, expires_at) VALUES (?, ?, ?)
  ON CONFLICT (group_id) DO UPDATE SET ready = ready + excluded.ready, expires_at = excluded.expires_at
  RETURNING size, ready, tree, finisher`;
const select = `
  SELECT task_id AS taskId, state, text FROM chord_part WHERE group_id = ? ORDER BY place NULLS LAST, rowid`;

interface Row {
  readonly size: number | null;
  readonly ready: number;
  readonly tree: string | null;
  readonly finisher: string | null;
}

interface PartRow {
  readonly taskId: string;
  readonly state: string;
  readonly text: string;
}

export interface SqliteChordsOptions {
  readonly file: ResultFile;
  readonly clock: Clock;
  /** Null: never. */
  readonly expiresMs: number | null;
}

export class SqliteChords implements ChordKeeper {
  readonly #file: ResultFile;
  readonly #clock: Clock;
  readonly #expiresMs: number | null;

  constructor({ file, clock, expiresMs }: SqliteChordsOptions) {
    this.#file = file;
    this.#clock = clock;
    this.#expiresMs = expiresMs;
  }

  async open(chords: readonly ChordOpening[]): Promise<void> {
    this.#change(() => {
      for (const { groupId, size, tree } of chords) {
        const text = tree === null ? null : writeJson(tree);
        this.#file.statement(begin).run(groupId, size, text, this.#expiresAt());
      }
    });
  }

  async join(part: ChordPart): Promise<CompleteChord | null> {
    const found = this.#change(() => {
      const row = this.#count(part);
      if (row.size === null || row.ready < row.size || !isFinisher(part.taskId, row.finisher)) return null;
      this.#file.statement("UPDATE chord SET finisher = ? WHERE group_id = ?").run(part.taskId, part.groupId);
      return { tree: row.tree, rows: this.#file.statement(select).all(part.groupId) as PartRow[] };
    });
    return found === null ? null : readChord(found.rows, found.tree);
  }

  async close(groupId: string): Promise<void> {
    this.#change(() => {
      this.#file.statement("DELETE FROM chord_part WHERE group_id = ?").run(groupId);
      this.#file.statement("DELETE FROM chord WHERE group_id = ?").run(groupId);
    });
  }

  /** Forgets what nobody has touched for so long; resolves with how many. */
  cleanup(): number {
    const expired = "SELECT group_id FROM chord WHERE expires_at <= ?";
    const now = this.#clock.now();
    return this.#change(() => {
      this.#file.statement(`DELETE FROM chord_part WHERE group_id IN (${expired})`).run(now);
      return this.#file.statement("DELETE FROM chord WHERE expires_at <= ?").run(now).changes;
    });
  }

  #count({ groupId, groupIndex, taskId, state, resultText }: ChordPart): Row {
    const { changes } = this.#file.statement(add).run(groupId, taskId, groupIndex, state, resultText);
    if (changes === 0) this.#file.statement(replace).run(state, resultText, groupId, taskId);
    return this.#file.statement(count).get(groupId, changes, this.#expiresAt()) as Row;
  }

  /** Files of results were there before chords were, and may be replaced at any time. */
  #change<T>(work: () => T): T {
    return this.#file.transaction(() => {
      for (const table of tables) this.#file.statement(table).run();
      return work();
    });
  }

  #expiresAt(): number | null {
    return this.#expiresMs === null ? null : this.#clock.now() + this.#expiresMs;
  }
}

function readChord(rows: readonly PartRow[], tree: string | null): CompleteChord {
  return {
    parts: rows.map(({ taskId, state, text }) => ({ taskId, state, result: readJson(text) })),
    tree: tree === null ? null : readTuple(readJson(tree)),
  };
}
