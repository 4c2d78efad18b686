import type { FileFormat } from "../../src/sqlite/format.ts";

/** The second version of a file that is nobody's, with words that nobody else has. */
export const format: FileFormat = {
  words: {
    code: "store",
    file: "note",
    url: "note",
    purpose: "notes",
    kind: "a file of notes",
    example: "notes.db",
    whenFull: "no note was lost",
  },
  applicationId: 0x4e_4f_54_45,
  tables: "CREATE TABLE note (text TEXT NOT NULL, at INTEGER NOT NULL DEFAULT 0) STRICT",
  migrations: ["ALTER TABLE note ADD COLUMN at INTEGER NOT NULL DEFAULT 0"],
};
