// A process of its own that revokes tasks until it is killed: `task 1`, `task 2`, ... printing the number of each save.
import { systemClock } from "../../src/clock.ts";
import { messageOf } from "../../src/error.ts";
import { openRevoked } from "../../src/worker/revoked.ts";

try {
  const revoked = await openRevoked(process.argv[2] ?? "", systemClock, { emit: (event) => console.log(event) });
  console.log("opened");
  for (let count = revoked.ids.length + 1; ; count += 1) {
    revoked.add([`task ${count}`], systemClock.now());
    await revoked.save();
    console.log(`saved ${count}`);
  }
} catch (error) {
  console.log(messageOf(error));
}
