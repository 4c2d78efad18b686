// The smallest project there is: an app, two tasks, and two periodic tasks from code. Those of schedules/ come on top.
import { App, crontab } from "lovage";

export const app = new App("proj", { timezone: "Asia/Taipei" });

export const hello = app.task("proj.hello", (name: string) => `hello, ${name}`);

export const add = app.task("proj.add", (x: number, y: number) => x + y);

app.onAfterConfigure((sender) => {
  sender.addPeriodicTask(5, hello.s("from code"), { name: "hello every 5 seconds" });
  sender.addPeriodicTask(crontab({ minute: "*/15" }), add.s(2, 2), { name: "add every quarter of an hour" });
});
