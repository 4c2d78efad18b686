// A small project: an app, a few tasks, and periodic tasks from code. Those of schedules/ come on top.
import { App, crontab } from "lovage";

export const app = new App("proj", { timezone: "Asia/Taipei" });

export const hello = app.task("proj.hello", (name: string) => `hello ${name}`);

export const add = app.task("proj.add", (x: number, y: number) => x + y);

/** Its first two attempts fail; the worker tries again by itself, and the third succeeds. */
export const fetchWeather = app.task(
  "proj.fetch_weather",
  function (city: string) {
    const attempt = this.request.retries + 1;
    if (attempt < 3) throw new Error(`the weather service is busy, attempt ${attempt}`);
    return `sunny in ${city}, after ${attempt} attempts`;
  },
  { autoretryFor: [Error], maxRetries: 3, defaultRetryDelay: 1 },
);

/** A task that calls others, and does not wait for them. */
export const sumUp = app.task("proj.sum_up", async (numbers: readonly number[]) => {
  for (const number of numbers) await add.delay(number, number);
  return `${numbers.length} sums are on their way`;
});

app.onAfterConfigure((sender) => {
  sender.addPeriodicTask(4, hello.s("from code"), { name: "hello every 4 seconds" });
  sender.addPeriodicTask(15, sumUp.s([1, 2]), { name: "sums every 15 seconds" });
  sender.addPeriodicTask(crontab({ minute: "*/15" }), fetchWeather.s("Taipei"), { name: "weather four times an hour" });
});
