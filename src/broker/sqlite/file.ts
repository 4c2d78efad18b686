// The broker's file: what is reported as sent must outlast a power cut, as a server's promise would.
import { type FileOptions, SqliteFile } from "../../sqlite/file.ts";
import { brokerFormat } from "./schema.ts";

export type BrokerFile = SqliteFile;

// Transactions take milliseconds.
const forPublishing = { busyTimeoutMs: 2000, durable: true };

/**
 * Opens the file, and creates it and its folder where they are missing.
 *
 * @throws LovageError("broker") when it cannot be opened, or is something else
 */
export function openBrokerFile(path: string, options: Omit<FileOptions, "format"> = forPublishing): BrokerFile {
  return new SqliteFile(path, { ...options, format: brokerFormat });
}
