// Preloaded into a process under test (NODE_OPTIONS=--import): its wall clock is off by the milliseconds that a file says, as
// if somebody had set the clock of its machine. The monotonic clock stays what it is.
import { readFileSync } from "node:fs";

const file = process.env.CLOCK_JUMP_FILE;
const pollMs = 50;
const trueNow = Date.now;
let byMs = 0;

function look() {
  try {
    const read = Number(readFileSync(file, "utf8"));
    if (Number.isFinite(read)) byMs = read;
  } catch {
    // Not written yet: the clock is right.
  }
}

if (file !== undefined) {
  look();
  setInterval(look, pollMs).unref();
  Date.now = () => trueNow() + byMs;
}
