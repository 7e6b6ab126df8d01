// The program of a worker: loads one script, and calls what is in it for as long as messages come.
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";

import { callAction, callFirstGeneration } from "./action.mjs";
import { describe, injectClasses } from "./errors.mjs";
import { callHook } from "./hook.mjs";
import { redirectConsole } from "./output.mjs";
import { describeExports, explain, loadScript } from "./script.mjs";

const CALLERS = { hook: callHook, action: callAction, "first-generation": callFirstGeneration };

export class Calls {
  #send;
  #current = new AsyncLocalStorage();
  #calls = new Map();
  #questions = new Map();
  #asked = 0;
  #script;
  #maxAnswer = 0;

  // `send` writes a message at once: what was sent has left when the script blocks afterwards.
  constructor(send) {
    this.#send = send;
    redirectConsole(send, () => this.#current.getStore());
    process.on("uncaughtException", (error) => this.#lost(error, "uncaught"));
    process.on("unhandledRejection", (error) => this.#lost(error, "not caught"));
    this.#guardExit();
  }

  receive(message) {
    if ("call" in message) this.#call(message);
    else if ("reply" in message) this.#questions.get(message.reply)?.(message);
    else if ("load" in message) this.#load(message.load);
  }

  async #load(load) {
    this.#maxAnswer = load.maxAnswer;
    injectClasses(load.point);
    try {
      this.#script = describeExports(await loadScript(load));
      this.#send({ loaded: this.#script.kind, exports: Object.keys(this.#script.functions) });
    } catch (error) {
      this.#send({ failed: describe(explain(error)) });
    }
  }

  #call(message) {
    const call = { id: message.call, lines: 0, settled: false };
    this.#calls.set(call.id, call);
    this.#current.run(call, () =>
      CALLERS[this.#script.kind](this.#script.functions[message.export], message, this.#outside(call)),
    );
    // Whoever sent it can tell from this which calls have begun; one that has been answered has.
    if (!call.settled) this.#send({ started: call.id });
  }

  #outside(call) {
    const settle = (outcome) => {
      if (call.settled) return;
      call.settled = true;
      this.#calls.delete(call.id);
      this.#send(outcome);
    };
    return {
      answer: (data) => settle(this.#answer(call, data)),
      refuse: (error) => settle({ done: call.id, refused: describe(error) }),
      crash: (error) => settle({ done: call.id, crashed: describe(explain(error)) }),
      warn: (text) => this.#send({ log: call.id, level: "warning", text }),
      report: (error, when) => this.#report(call, error, when),
      ask: (question) => this.#ask(call, question),
    };
  }

  #answer(call, data) {
    let text;
    try {
      text = JSON.stringify(data);
    } catch (error) {
      const message = "Error when JSON serializing the result of the extension point";
      return { done: call.id, crashed: { message: `${message}: ${describe(error).message}` } };
    }
    if (text !== undefined && text.length > this.#maxAnswer) {
      return { done: call.id, tooLarge: text.length };
    }
    return text === undefined ? { done: call.id } : `{"done":${call.id},"data":${text}}`;
  }

  #report(call, error, when) {
    const { stack, message } = describe(error);
    this.#send({ log: call?.id ?? null, level: "error", text: `${when}: ${stack ?? message}` });
  }

  // An error that nothing caught fails the call that it came from, if that is not over and can be told.
  #lost(error, how) {
    const call = this.#current.getStore();
    if (call && !call.settled) this.#outside(call).crash(error);
    else this.#report(call, error, how);
    // After an uncaught exception Node.js gives no warranty for the process; other calls may end, new ones go elsewhere.
    if (how === "uncaught") this.#send({ retire: "an exception was not caught" });
  }

  #ask(call, question) {
    this.#asked += 1;
    const number = this.#asked;
    return new Promise((resolve) => {
      this.#questions.set(number, (reply) => {
        this.#questions.delete(number);
        this.#current.run(call, () => resolve(reply));
      });
      this.#send({ ask: number, ...question });
    });
  }

  // A script that exits ends its own call, not those beside it.
  #guardExit() {
    const exit = process.exit.bind(process);
    const guarded = (code) => {
      const call = this.#current.getStore();
      if (!call) exit(code);
      const error = new Error(`called process.exit(${code ?? ""})`);
      if (!call.settled) this.#outside(call).crash(error);
      this.#send({ retire: "the script called process.exit" });
      throw error;
    };
    process.exit = guarded;
    process.abort = guarded;
    if (globalThis.Deno) globalThis.Deno.exit = guarded;
  }
}
