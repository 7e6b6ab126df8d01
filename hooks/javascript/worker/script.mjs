// Loads the user's script: a CommonJS file as Auth0 ran it (top-level return, `require("x@1.2.3")`), or an ES module.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

const VERSION = /^((?:@[^/@]+\/)?[^/@]+)@[^/]+(\/.*)?$/;

export async function loadScript({ path: file, source }) {
  if (file.endsWith(".mjs")) {
    const module = await explained(() => import(pathToFileURL(file).href));
    return module.default ?? module;
  }
  const module = { exports: {}, id: file, filename: file, loaded: false, children: [], paths: [] };
  const require = requireOf(file);
  require.main = module;
  module.require = require;
  const run = vm.compileFunction(executable(source), ["exports", "require", "module", "__filename", "__dirname"], {
    filename: file,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const returned = run.call(module.exports, module.exports, require, module, file, path.dirname(file));
  module.loaded = true;
  return typeof returned === "function" ? returned : module.exports;
}

// Without byte order mark, and with a line `#!...` made a comment; lines stay where they are.
function executable(source) {
  return source.replace(/^\uFEFF/, "").replace(/^#!/, "//");
}

function requireOf(file) {
  const plain = createRequire(file);
  const require = (name) => {
    try {
      return plain(bare(name));
    } catch (error) {
      throw explain(error);
    }
  };
  require.resolve = (name, options) => plain.resolve(bare(name), options);
  require.cache = plain.cache;
  require.extensions = plain.extensions;
  return require;
}

// Auth0's modules could be asked for by version; here the version is the one that is installed.
function bare(name) {
  return typeof name === "string" ? name.replace(VERSION, "$1$2") : name;
}

async function explained(load) {
  try {
    return await load();
  } catch (error) {
    throw explain(error);
  }
}

// Notes which module was not found.
export function explain(error) {
  if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
    const found = /Cannot find (?:module|package) '([^']+)'/.exec(error.message);
    if (found && !error.missing) {
      Object.defineProperty(error, "missing", { value: bare(found[1]), enumerable: false });
    }
  }
  return error;
}

// What kind of script it is, and the functions in it by what hookpoint calls them.
export function describeExports(exported) {
  const functions = {};
  for (const holder of [exported, exported?.default]) {
    if (holder === null || (typeof holder !== "object" && typeof holder !== "function")) continue;
    for (const name in holder) {
      if (name.startsWith("onExecute") && typeof holder[name] === "function") functions[name] ??= holder[name];
    }
  }
  if (Object.keys(functions).length) return { kind: "action", functions };
  const single = typeof exported === "function" ? exported : exported?.default;
  if (typeof single !== "function") return { kind: "none", functions };
  // A hook takes a callback after three arguments at least; the first Actions were given an event and a context.
  const first = single.length <= 2 && (single.length > 0 || single.constructor?.name === "AsyncFunction");
  return { kind: first ? "first-generation" : "hook", functions: { "": single } };
}
